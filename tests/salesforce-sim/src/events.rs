//! An org's event bus: what was published on each channel, in order, for as long as the real one keeps it.
//! The streaming and Pub/Sub APIs read it with cursors of their own, so nothing is lost while it is kept.

mod channel;
mod held;
mod publish;
mod schema;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::clock::Millis;
use crate::ids;
use crate::state::objects::Fields;

pub(crate) use channel::Channel;
pub(crate) use held::{Held, Listener};
pub(crate) use publish::{KEY_PREFIX, answer, is_event};
pub(crate) use schema::{FieldType, Schema, Schemas};

/// How long events are kept: what Salesforce keeps platform events for.
const KEPT: Millis = 72 * 60 * 60 * 1000;

/// One event as it was published.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) channel: Channel,
    pub(crate) replay_id: u64,
    pub(crate) uuid: String,
    /// What its creation as a record is answered with.
    pub(crate) record_id: String,
    pub(crate) created: Millis,
    pub(crate) created_by: String,
    pub(crate) fields: Fields,
    /// Of platform events only.
    pub(crate) schema: Option<Arc<Schema>>,
}

/// A place on a channel, most often an event's. One without an event was told to somebody who asked for the
/// end of a channel on which nothing was kept.
struct Place {
    replay_id: u64,
    since: Millis,
    event: Option<Arc<Event>>,
}

/// The replay id is no place that is kept on the channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownPlace;

pub(crate) struct EventBus {
    last: u64,
    channels: BTreeMap<Channel, VecDeque<Place>>,
    pub(crate) schemas: Schemas,
}

impl Default for EventBus {
    fn default() -> Self {
        Self { last: u64::from(ids::random_number()), channels: BTreeMap::new(), schemas: Schemas::default() }
    }
}

impl EventBus {
    pub(crate) fn publish(
        &mut self,
        now: Millis,
        channel: &Channel,
        created_by: &str,
        (uuid, record_id): (String, String),
        fields: Fields,
    ) -> Arc<Event> {
        let event = Arc::new(Event {
            channel: channel.clone(),
            replay_id: self.next(),
            uuid,
            record_id,
            created: now,
            created_by: created_by.to_owned(),
            schema: channel.event_type().map(|name| self.schemas.grown(name, &fields)),
            fields,
        });
        let place = Place { replay_id: event.replay_id, since: now, event: Some(Arc::clone(&event)) };
        self.kept(now, channel).push_back(place);
        event
    }

    /// The events of a channel after a place, oldest first, without asking whether the place is kept.
    pub(crate) fn after(&self, now: Millis, channel: &Channel, replay_id: u64) -> Vec<Arc<Event>> {
        let Some(places) = self.channels.get(channel) else {
            return Vec::new();
        };
        let read = places.partition_point(|place| place.replay_id <= replay_id || !place.is_kept(now));
        places.range(read..).filter_map(|place| place.event.clone()).collect()
    }

    /// The end of a channel: what comes after it is published later than now.
    pub(crate) fn end(&mut self, now: Millis, channel: &Channel) -> u64 {
        if let Some(place) = self.kept(now, channel).back() {
            return place.replay_id;
        }
        let replay_id = self.next();
        self.kept(now, channel).push_back(Place { replay_id, since: now, event: None });
        replay_id
    }

    /// A place to read on from, which the bus must have told and still keep.
    pub(crate) fn place(&mut self, now: Millis, channel: &Channel, replay_id: u64) -> Result<u64, UnknownPlace> {
        let known = self.kept(now, channel).binary_search_by_key(&replay_id, |place| place.replay_id);
        known.map(|_| replay_id).map_err(|_| UnknownPlace)
    }

    /// Replay ids grow by gaps, as they do where other orgs' events lie between.
    fn next(&mut self) -> u64 {
        self.last += 1 + self.last % 3;
        self.last
    }

    fn kept(&mut self, now: Millis, channel: &Channel) -> &mut VecDeque<Place> {
        let places = self.channels.entry(channel.clone()).or_default();
        while places.front().is_some_and(|place| !place.is_kept(now)) {
            places.pop_front();
        }
        places
    }
}

impl Place {
    fn is_kept(&self, now: Millis) -> bool {
        now < self.since.saturating_add(KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(bus: &mut EventBus, now: Millis, channel: &Channel) -> u64 {
        bus.publish(now, channel, "005", Default::default(), Fields::new()).replay_id
    }

    #[test]
    fn a_channel_is_read_on_from_any_place_that_is_kept() {
        let mut bus = EventBus::default();
        let orders = Channel::parse("/event/Order__e").unwrap();
        let others = Channel::parse("/event/Other__e").unwrap();
        let empty = bus.end(0, &orders);
        let first = published(&mut bus, 1, &orders);
        published(&mut bus, 1, &others);
        let second = published(&mut bus, 2, &orders);
        assert!(empty < first && first < second);
        let read = |bus: &EventBus, now, from| -> Vec<u64> {
            bus.after(now, &orders, from).iter().map(|event| event.replay_id).collect()
        };
        assert_eq!(read(&bus, 2, empty), [first, second]);
        assert_eq!(read(&bus, 2, first), [second]);
        assert_eq!(bus.place(2, &orders, first), Ok(first));
        assert_eq!(bus.place(2, &others, first), Err(UnknownPlace));
        assert_eq!(bus.end(2, &orders), second);

        assert_eq!(read(&bus, KEPT + 1, 0), [second]);
        assert_eq!(bus.place(KEPT + 1, &orders, first), Err(UnknownPlace));
        assert!(bus.end(KEPT + 2, &orders) > second);
    }
}
