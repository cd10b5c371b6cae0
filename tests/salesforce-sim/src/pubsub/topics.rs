//! What topics and schemas there are.

use std::sync::Arc;

use super::Rpc;
use super::status::Status;
use crate::eventbus::{SchemaInfo, SchemaRequest, TopicInfo, TopicRequest};
use crate::events::{Channel, Schema};

/// A platform event; this API serves no PushTopics.
pub(super) struct Topic {
    pub(super) channel: Channel,
    event_type: String,
}

impl Topic {
    pub(super) fn parse(name: &str) -> Result<Self, Status> {
        if name.is_empty() {
            return Err(Status::invalid("topic.validation.empty", "The topic name is blank."));
        }
        let channel = Channel::parse(name);
        channel
            .and_then(|channel| {
                let event_type = channel.event_type()?.to_owned();
                Some(Self { channel, event_type })
            })
            .ok_or(Status::not_found("topic.not.found", "The topic does not exist."))
    }

    /// The schema that its events have now.
    pub(super) fn schema(&self, rpc: &Rpc) -> Arc<Schema> {
        rpc.world().org_mut(&rpc.org_id).events.schemas.current(&self.event_type)
    }
}

pub(super) fn topic(rpc: &Rpc, request: &TopicRequest) -> Result<TopicInfo, Status> {
    let topic = Topic::parse(&request.topic_name)?;
    Ok(TopicInfo {
        topic_name: request.topic_name.clone(),
        tenant_guid: rpc.org_id.clone(),
        can_publish: true,
        can_subscribe: true,
        schema_id: topic.schema(rpc).id.clone(),
        rpc_id: rpc.id.clone(),
    })
}

pub(super) fn schema(rpc: &Rpc, request: &SchemaRequest) -> Result<SchemaInfo, Status> {
    if request.schema_id.is_empty() {
        return Err(Status::invalid("schema.validation.failed", "The schema ID is blank."));
    }
    let world = rpc.world();
    let schema = world.org(&rpc.org_id).events.schemas.by_id(&request.schema_id);
    let schema = schema.ok_or(Status::not_found("schema.meta.permission", "The schema cannot be accessed."))?;
    Ok(SchemaInfo { schema_json: schema.json.clone(), schema_id: schema.id.clone(), rpc_id: rpc.id.clone() })
}
