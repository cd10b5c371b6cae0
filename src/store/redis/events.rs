//! Events in a stream of Redis, whose ids are theirs: a time and a number. A hint, written after what it tells of: a
//! process that dies in between leaves none.

use redis::Value;

use super::RedisStore;
use super::keys::EVENTS;
use crate::store::listing::MAX_PAGE;
use crate::store::stored_event::StoredEvent;
use crate::store::{Event, MAX_EVENTS, StoreError, StoreTime};

/// The one field of an entry.
const FIELD: &str = "event";

impl RedisStore {
    /// Adds an event. Not sent again if its answer is lost: told once or not at all.
    pub(super) async fn add_event(&self, event: &StoredEvent) -> Result<(), StoreError> {
        let mut add = redis::cmd("XADD");
        add.arg(EVENTS).arg("MAXLEN").arg("~").arg(MAX_EVENTS).arg("*").arg(FIELD).arg(event.to_bytes());
        self.link.query_once(EVENTS, &add).await
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
