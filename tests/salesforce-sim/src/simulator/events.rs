//! Publishing events.

use std::time::Duration;

use serde_json::Value;

use super::{Org, Simulator};
use crate::events::Channel;
use crate::state::objects::Fields;

impl Simulator {
    /// Publishes an event on `/event/NAME__e` or `/topic/NAME`, and returns its replay id. `fields` is a JSON
    /// object; a platform event gets the fields that it did not have before.
    ///
    /// # Panics
    /// When `fields` is no object, or `channel` none that an org has.
    pub fn publish(&self, org: &Org, channel: &str, fields: Value) -> u64 {
        self.shared.publish(org.org_id(), &known(channel), None, None, object(fields)).replay_id
    }

    /// Holds long polls of the streaming API for this long at most, in real time; 110 seconds otherwise. The advice
    /// that clients are given says so.
    pub fn hold_polls(&self, longest: Duration) {
        self.shared.held.set_poll(longest);
    }

    /// Tells subscribers of the Pub/Sub API after this long without an event that there is none, in real time; after
    /// 270 seconds otherwise.
    pub fn keep_alive_after(&self, silence: Duration) {
        self.shared.held.set_keep_alive(silence);
    }

    /// Lets every connection of the Pub/Sub API that is open take no more calls (GOAWAY). Those that run go on.
    pub fn drain_pubsub(&self) {
        self.shared.held.drain();
    }

    /// Breaks the connection of every long poll that is held, and resets every stream of the Pub/Sub API.
    pub fn cut_streams(&self) {
        self.shared.held.cut();
    }

    /// Gives a platform event the fields of an example, so that it can be published over the Pub/Sub API before
    /// any was published otherwise. Text, numbers and booleans are told apart.
    ///
    /// # Panics
    /// As [`Simulator::publish`].
    pub fn define_event(&self, org: &Org, channel: &str, example: Value) {
        let channel = known(channel);
        let name = channel.event_type().expect("a platform event: /event/NAME__e");
        let mut world = self.shared.world();
        world.org_mut(org.org_id()).events.schemas.grown(name, &object(example));
    }
}

fn known(channel: &str) -> Channel {
    Channel::parse(channel).expect("a channel: /event/NAME__e or /topic/NAME")
}

fn object(fields: Value) -> Fields {
    match fields {
        Value::Object(fields) => fields,
        _ => panic!("an event is a JSON object"),
    }
}
