//! `Subscribe`: events as long as the caller has asked for more of them, and a sign of life when there are none.

use std::sync::Arc;

use tokio::time::Instant;

use super::framing::Messages;
use super::reply::Stream;
use super::status::{End, Status};
use super::topics::Topic;
use super::{Rpc, avro};
use crate::eventbus::{ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, ReplayPreset};
use crate::events::{Channel, Event, Listener};

struct Subscription<'a> {
    rpc: &'a Rpc,
    channel: Channel,
    /// The replay id up to which everything was delivered.
    read: u64,
    /// How many events more the caller has asked for.
    pending: usize,
}

/// Serves a stream to its end.
pub(super) async fn stream(rpc: &Rpc, requests: Messages, stream: &Stream, listener: Listener) -> End {
    match served(rpc, requests, stream, listener).await {
        Ok(()) => Status::ok().into(),
        Err(end) => end,
    }
}

async fn served(rpc: &Rpc, mut requests: Messages, stream: &Stream, mut listener: Listener) -> Result<(), End> {
    let held = &rpc.call.shared.held;
    let mut subscription: Option<Subscription<'_>> = None;
    let mut last_sent = Instant::now();
    loop {
        rpc.check()?;
        if let Some(subscription) = &mut subscription {
            let news = subscription.news();
            if news.is_some() || last_sent.elapsed() >= held.keep_alive() {
                stream.send(&news.unwrap_or_else(|| subscription.nothing())).await?;
                last_sent = Instant::now();
                continue;
            }
        }
        tokio::select! {
            request = requests.next::<FetchRequest>() => match (request?, &mut subscription) {
                (None, _) => return Ok(()),
                (Some(request), None) => subscription = Some(Subscription::begun(rpc, &request)?),
                (Some(request), Some(subscription)) => subscription.ask(&request)?,
            },
            woken = listener.next() => woken?,
            () = stream.closed() => return Err(End::CallerGone),
        }
    }
}

impl<'a> Subscription<'a> {
    fn begun(rpc: &'a Rpc, request: &FetchRequest) -> Result<Self, Status> {
        let channel = Topic::parse(&request.topic_name)?.channel;
        let read = {
            let now = rpc.now();
            let mut world = rpc.world();
            let events = &mut world.org_mut(&rpc.org_id).events;
            match ReplayPreset::try_from(request.replay_preset) {
                Ok(ReplayPreset::Latest) => events.end(now, &channel),
                Ok(ReplayPreset::Earliest) => 0,
                Ok(ReplayPreset::Custom) if !request.replay_id.is_empty() => {
                    let id = <[u8; 8]>::try_from(request.replay_id.as_slice()).ok().map(u64::from_be_bytes);
                    id.and_then(|id| events.place(now, &channel, id).ok()).ok_or(Status::invalid(
                        "subscription.fetch.replayid.corrupted",
                        "The Replay ID validation failed. Ensure that the Replay ID is valid.",
                    ))?
                }
                Ok(ReplayPreset::Custom) | Err(_) => {
                    return Err(Status::invalid(
                        "subscription.fetch.replayid.validation.failed",
                        "The replay preset is CUSTOM, but no Replay ID is given.",
                    ));
                }
            }
        };
        let mut begun = Self { rpc, channel, read, pending: 0 };
        begun.ask(request)?;
        Ok(begun)
    }

    /// The caller can take more. Its topic stays what it was, and may be left out.
    fn ask(&mut self, request: &FetchRequest) -> Result<(), Status> {
        if !request.topic_name.is_empty() && request.topic_name != self.channel.to_string() {
            return Err(Status::invalid("subscription.fetch.topic.mismatch", "The topic name differs from the first."));
        }
        match usize::try_from(request.num_requested) {
            Ok(more @ 1..) => {
                self.pending += more;
                Ok(())
            }
            _ => Err(Status::invalid(
                "subscription.fetch.requested.events.invalid",
                "The number of requested events must be greater than zero.",
            )),
        }
    }

    /// What may be delivered now, if there is something.
    fn news(&mut self) -> Option<FetchResponse> {
        let now = self.rpc.now();
        let mut events = self.rpc.world().org(&self.rpc.org_id).events.after(now, &self.channel, self.read);
        events.truncate(self.pending);
        self.read = events.last()?.replay_id;
        self.pending -= events.len();
        Some(self.response(events.iter().map(consumed).collect()))
    }

    /// That there is nothing, and where the caller may go on from.
    fn nothing(&mut self) -> FetchResponse {
        let now = self.rpc.now();
        let mut world = self.rpc.world();
        let events = &mut world.org_mut(&self.rpc.org_id).events;
        if events.after(now, &self.channel, self.read).is_empty() {
            self.read = events.end(now, &self.channel);
        }
        drop(world);
        self.response(Vec::new())
    }

    fn response(&self, events: Vec<ConsumerEvent>) -> FetchResponse {
        FetchResponse {
            events,
            latest_replay_id: self.read.to_be_bytes().to_vec(),
            rpc_id: self.rpc.id.clone(),
            pending_num_requested: i32::try_from(self.pending).unwrap_or(i32::MAX),
        }
    }
}

fn consumed(event: &Arc<Event>) -> ConsumerEvent {
    let schema = event.schema.as_ref().expect("a platform event has a schema");
    let produced =
        ProducerEvent { id: event.uuid.clone(), schema_id: schema.id.clone(), payload: avro::encode(schema, event) };
    ConsumerEvent { event: Some(produced), replay_id: event.replay_id.to_be_bytes().to_vec() }
}
