//! The schedule of the embedded file: by name, and in the order of time, so that what is due is read without a scan.

use std::time::Duration;

use redb::{ReadTransaction, ReadableTable};

use super::damage;
use super::tables::{DUE_ORDER, Tables};
use super::writes::Write;
use crate::connection::ConnectionKey;
use crate::store::{ScheduleWhen, StoreError, StoreTime};

impl Tables<'_> {
    /// Takes a connection out of the schedule.
    pub(super) fn unschedule(&mut self, key: &ConnectionKey) -> Result<(), StoreError> {
        self.set_due(&key.encode(), None)
    }

    fn set_due(&mut self, name: &str, at: Option<u64>) -> Result<(), StoreError> {
        let before = match at {
            Some(at) => self.due.insert(name, at).map_err(damage)?.map(|before| before.value()),
            None => self.due.remove(name).map_err(damage)?.map(|before| before.value()),
        };
        if let Some(before) = before {
            self.due_order.remove((before, name)).map_err(damage)?;
        }
        if let Some(at) = at {
            self.due_order.insert((at, name), ()).map_err(damage)?;
        }
        Ok(())
    }

    fn due_names(&self, now: StoreTime, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for entry in self.due_order.range(..after(now)).map_err(damage)?.take(limit) {
            names.push(entry.map_err(damage)?.0.value().1.to_owned());
        }
        Ok(names)
    }
}

impl Write<'_> {
    pub(super) fn schedule(self, due: &[(ConnectionKey, Duration)], when: ScheduleWhen) -> Result<(), StoreError> {
        self.transaction(|tables| {
            for (key, delay) in due {
                let name = key.encode();
                let is_set = tables.due.get(name.as_str()).map_err(damage)?.is_some();
                if when == ScheduleWhen::Always || !is_set {
                    tables.set_due(&name, Some(later(self.now, *delay)))?;
                }
            }
            Ok(())
        })
    }

    pub(super) fn take_due(self, limit: usize, claim: Duration) -> Result<Vec<ConnectionKey>, StoreError> {
        self.transaction(|tables| {
            let names = tables.due_names(self.now, limit)?;
            for name in &names {
                tables.set_due(name, Some(later(self.now, claim)))?;
            }
            Ok(names.iter().filter_map(|name| ConnectionKey::decode(name)).collect())
        })
    }
}

/// Whether a connection is due.
pub(super) fn is_any_due(transaction: &ReadTransaction, now: StoreTime) -> Result<bool, StoreError> {
    let table = transaction.open_table(DUE_ORDER).map_err(damage)?;
    Ok(table.range(..after(now)).map_err(damage)?.next().is_some())
}

// Before this is what is due now. No name is empty.
fn after(now: StoreTime) -> (u64, &'static str) {
    (now.0.saturating_add(1), "")
}

fn later(now: StoreTime, delay: Duration) -> u64 {
    now.0.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))
}
