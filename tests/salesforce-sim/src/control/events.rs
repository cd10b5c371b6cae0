//! The control calls about events: publish some, say what fields they have, and how those who wait for them fare.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, known_org, missing, parsed};
use crate::clock::optional_seconds;
use crate::events::Channel;
use crate::state::Shared;
use crate::state::objects::Fields;

#[derive(Deserialize)]
struct NewEvents {
    org_id: String,
    channel: String,
    events: Vec<Fields>,
}

#[derive(Deserialize)]
struct Definition {
    org_id: String,
    channel: String,
    example: Fields,
}

/// For how long in real time answers are held; what is left out stays.
#[derive(Deserialize)]
struct Patience {
    #[serde(default, deserialize_with = "optional_seconds")]
    poll: Option<Duration>,
    #[serde(default, deserialize_with = "optional_seconds")]
    keep_alive: Option<Duration>,
}

/// The calls about events; `None` for another name.
pub(super) fn events(shared: &Shared, name: &str, body: &[u8]) -> Option<Result<Value, Refusal>> {
    Some(match name {
        "events" => parsed(body).and_then(|new: NewEvents| {
            known_org(&shared.world(), &new.org_id)?;
            let channel = Channel::parse(&new.channel).ok_or_else(|| missing("channel"))?;
            let publish = |fields| shared.publish(&new.org_id, &channel, None, None, fields).replay_id;
            let replay_ids: Vec<u64> = new.events.into_iter().map(publish).collect();
            Ok(json!({ "replay_ids": replay_ids }))
        }),
        "event-types" => parsed(body).and_then(|new: Definition| {
            let mut world = shared.world();
            known_org(&world, &new.org_id)?;
            let channel = Channel::parse(&new.channel);
            let name = channel.as_ref().and_then(Channel::event_type).ok_or_else(|| missing("platform event"))?;
            world.org_mut(&new.org_id).events.schemas.grown(name, &new.example);
            Ok(json!({}))
        }),
        "streams" => parsed(body).map(|patience: Patience| {
            let Patience { poll, keep_alive } = patience;
            poll.inspect(|longest| shared.held.set_poll(*longest));
            keep_alive.inspect(|silence| shared.held.set_keep_alive(*silence));
            json!({})
        }),
        "streams/drain" => {
            shared.held.drain();
            Ok(json!({}))
        }
        "streams/cut" => {
            shared.held.cut();
            Ok(json!({}))
        }
        _ => return None,
    })
}
