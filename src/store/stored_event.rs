//! What both stores keep of a change of state, and which writes are one.

use serde::{Deserialize, Serialize};

use super::stored_head::StoredHead;
use super::{Event, Head, State, StoreTime};
use crate::connection::ConnectionKey;

/// A change of state, without the id and the time that the store gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredEvent {
    /// The encoded connection key.
    key: String,
    before: Option<State>,
    after: Option<State>,
}

impl StoredEvent {
    /// The event of a write over `old`, if it changed what events tell of: status, cause or epoch. A removal always did.
    pub(super) fn of(key: &ConnectionKey, old: Option<&StoredHead>, new: Option<&StoredHead>) -> Option<Self> {
        let (before, after) = (old.map(|old| state(&old.head)), new.map(|new| state(&new.head)));
        let told = |state: State| (state.status, state.cause, state.generation.epoch);
        if after.is_some() && before.map(told) == after.map(told) {
            return None;
        }
        Some(Self { key: key.encode(), before, after })
    }

    /// The event as stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("events have text keys only")
    }

    /// Reads a stored event. What another version wrote may not be readable, and is passed over.
    pub(super) fn parse(bytes: &[u8], id: String, at: StoreTime) -> Option<Event> {
        let Self { key, before, after } = serde_json::from_slice(bytes).ok()?;
        Some(Event { id, at, key: ConnectionKey::decode(&key)?, before, after })
    }
}

fn state(head: &Head) -> State {
    State { status: head.status, cause: head.cause, generation: head.generation }
}
