//! `Publish` and `PublishStream`: events in, replay ids out, one result for each in their order.

use super::framing::Messages;
use super::reply::Stream;
use super::status::{End, Status};
use super::topics::Topic;
use super::{Rpc, avro};
use crate::eventbus::{ProducerEvent, PublishError, PublishRequest, PublishResponse, PublishResult};
use crate::events::Listener;

/// The code for an event that cannot be published.
const PUBLISH: i32 = 1;

pub(super) fn publish(rpc: &Rpc, request: &PublishRequest) -> Result<PublishResponse, Status> {
    let topic = Topic::parse(&request.topic_name)?;
    published(rpc, &topic, request)
}

/// Serves a stream to its end.
pub(super) async fn stream(rpc: &Rpc, requests: Messages, stream: &Stream, listener: Listener) -> End {
    match served(rpc, requests, stream, listener).await {
        Ok(()) => Status::ok().into(),
        Err(end) => end,
    }
}

async fn served(rpc: &Rpc, mut requests: Messages, stream: &Stream, mut listener: Listener) -> Result<(), End> {
    let mut topic: Option<Topic> = None;
    loop {
        rpc.check()?;
        let request: PublishRequest = tokio::select! {
            request = requests.next() => match request? {
                Some(request) => request,
                None => return Ok(()),
            },
            woken = listener.next() => {
                woken?;
                continue;
            }
            () = stream.closed() => return Err(End::CallerGone),
        };
        let topic = match &topic {
            None => topic.insert(Topic::parse(&request.topic_name)?),
            Some(known) if request.topic_name.is_empty() || request.topic_name == known.channel.to_string() => known,
            Some(_) => {
                return Err(Status::invalid("publish.topic.mismatch", "The topic name differs from the first.").into());
            }
        };
        stream.send(&published(rpc, topic, &request)?).await?;
    }
}

fn published(rpc: &Rpc, topic: &Topic, request: &PublishRequest) -> Result<PublishResponse, Status> {
    if request.events.is_empty() {
        return Err(Status::invalid("publish.event.count.invalid", "The request holds no events."));
    }
    let results = request.events.iter().map(|event| one(rpc, topic, event)).collect();
    Ok(PublishResponse { results, schema_id: topic.schema(rpc).id.clone(), rpc_id: rpc.id.clone() })
}

fn one(rpc: &Rpc, topic: &Topic, event: &ProducerEvent) -> PublishResult {
    let schema = rpc.world().org(&rpc.org_id).events.schemas.by_id(&event.schema_id).cloned();
    let fields = schema
        .ok_or("The schema is unknown.")
        .and_then(|schema| avro::decode(&schema, &event.payload).ok_or("The payload does not fit its schema."));
    let mut result = PublishResult { correlation_key: event.id.clone(), ..PublishResult::default() };
    match fields {
        Ok(fields) => {
            let uuid = Some(event.id.clone()).filter(|id| !id.is_empty());
            let shared = &rpc.call.shared;
            let published = shared.publish(&rpc.org_id, &topic.channel, Some(&rpc.user_id), uuid, fields);
            result.replay_id = published.replay_id.to_be_bytes().to_vec();
        }
        Err(problem) => result.error = Some(PublishError { code: PUBLISH, msg: problem.to_owned() }),
    }
    result
}
