//! Events of the embedded file: written with what they tell of, in one transaction, and counted through.

use std::ops::Bound;

use redb::{ReadTransaction, ReadableTable};

use super::damage;
use super::tables::{EVENT, Tables};
use crate::store::stored_event::StoredEvent;
use crate::store::{Event, MAX_EVENTS, StoreError, StoreTime};

impl Tables<'_> {
    /// Adds an event, if there is one, and forgets the oldest beyond [`MAX_EVENTS`].
    pub(super) fn tell(&mut self, event: Option<StoredEvent>, at: StoreTime) -> Result<(), StoreError> {
        let Some(event) = event else { return Ok(()) };
        let last = self.event.last().map_err(damage)?.map_or(0, |(id, _)| id.value());
        let id = last + 1;
        self.event.insert(id, (at.0, event.to_bytes().as_slice())).map_err(damage)?;
        if let Some(forgotten) = id.checked_sub(MAX_EVENTS as u64) {
            self.event.remove(forgotten).map_err(damage)?;
        }
        Ok(())
    }
}

/// Reads the id of an event; anything else names none.
pub(super) fn cursor(after: Option<&str>) -> Option<u64> {
    after.and_then(|after| after.parse().ok())
}

/// The events after one.
pub(super) fn page(transaction: &ReadTransaction, after: Option<u64>, limit: usize) -> Result<Vec<Event>, StoreError> {
    let table = transaction.open_table(EVENT).map_err(damage)?;
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut events = Vec::new();
    for entry in table.range((from, Bound::Unbounded)).map_err(damage)? {
        let (id, event) = entry.map_err(damage)?;
        let (at, event) = event.value();
        events.extend(StoredEvent::parse(event, id.value().to_string(), StoreTime(at)));
        if events.len() == limit {
            break;
        }
    }
    Ok(events)
}
