//! Events in a stream of Redis, whose ids are theirs: a time and a number. The stream is in another slot than the records,
//! so a script that changes a state writes the event into the row, as one that is owed, and one that removes the row writes
//! it beside; then it is told, once, and taken off what is owed. What a process that died left owed is told by whoever next
//! writes or lists the connection.

use redis::Value;

use super::RedisStore;
use super::keys::{EVENTS, Keys};
use super::scripts;
use crate::store::listing::MAX_PAGE;
use crate::store::stored_event::StoredEvent;
use crate::store::stored_head::StoredHead;
use crate::store::{Event, StoreError, StoreTime};

impl RedisStore {
    /// Tells the events that a row owes, oldest first.
    pub(super) async fn tell_owed_by(&self, keys: &Keys, row: &StoredHead) -> Result<(), StoreError> {
        let Some(owed) = &row.owed else { return Ok(()) };
        self.tell(owed.as_bytes()).await?;
        self.link.call::<Value>(&scripts::settle_row(keys, owed.as_bytes())).await?;
        Ok(())
    }

    /// Tells the events that a connection owes that is gone.
    pub(super) async fn tell_owed_beside(&self, keys: &Keys, owed: Option<&[u8]>) -> Result<(), StoreError> {
        let Some(owed) = owed else { return Ok(()) };
        self.tell(owed).await?;
        self.link.call::<Value>(&scripts::settle(keys, owed)).await?;
        Ok(())
    }

    pub(super) async fn tell(&self, owed: &[u8]) -> Result<(), StoreError> {
        for line in owed.split(|byte| *byte == b'\n') {
            // What is no event, nobody could read in the stream either.
            if let Some(space) = line.iter().position(|byte| *byte == b' ') {
                let (name, event) = (&line[..space], &line[space + 1..]);
                self.link.call::<Value>(&scripts::tell(name, event)).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn events_after(&self, after: Option<&str>, limit: usize) -> Result<Vec<Event>, StoreError> {
        let mut after = after.filter(|after| time_of(after).is_some()).map(str::to_owned);
        let limit = limit.clamp(1, MAX_PAGE);
        loop {
            let from = after.as_ref().map_or_else(|| "-".to_owned(), |after| format!("({after}"));
            let mut range = redis::cmd("XRANGE");
            range.arg(EVENTS).arg(from).arg("+").arg("COUNT").arg(limit);
            let entries: Vec<(String, Vec<(String, Value)>)> = self.link.query(EVENTS, &range).await?;
            let Some((last, _)) = entries.last() else { return Ok(Vec::new()) };
            let last = last.clone();
            let events: Vec<Event> = entries.into_iter().filter_map(|(id, fields)| read(id, &fields)).collect();
            // A page of what cannot be read is not the end.
            if !events.is_empty() {
                return Ok(events);
            }
            after = Some(last);
        }
    }
}

fn read(id: String, fields: &[(String, Value)]) -> Option<Event> {
    let at = StoreTime(time_of(&id)?);
    match fields {
        [(_, Value::BulkString(event))] => StoredEvent::parse(event, id, at),
        _ => None,
    }
}

/// The milliseconds of an id; `None` if it is none.
pub(super) fn time_of(id: &str) -> Option<u64> {
    let (millis, number) = id.split_once('-')?;
    number.parse::<u64>().ok()?;
    millis.parse().ok()
}
