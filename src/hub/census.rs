//! The count: an unhurried walk through all connections, once in each period of checks. It counts them for the metrics,
//! and schedules those whose announcement was missed. It decides nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Hub, schedule};
use crate::connection::{Cause, Status};
use crate::store::{GrantKind, Head, Page, ScheduleWhen, StoreError, StoreTime};

const PAGE: usize = 500;
/// Between two pages: a hundred thousand connections take under a minute, and are no burst.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two tries if the store does not answer, and how many there are.
const TRY_AGAIN: Duration = Duration::from_secs(5);
const TRIES: usize = 12;

const DAY: u64 = 24 * 60 * 60 * 1000;
/// Salesforce ends a refresh token that has not been used for 30 days.
const IDLE_LIMIT_DAYS: u64 = 30;
/// The values of the label `days`: as many days are left, or fewer, but more than the value before says.
const DAYS: &[u64] = &[0, 1, 3, 7, 14, 30];

/// What has been counted.
#[derive(Default)]
struct Counts {
    states: HashMap<(Status, Option<Cause>), i64>,
    days: HashMap<u64, i64>,
}

impl Hub {
    /// Counts all connections, and schedules those that are not scheduled.
    pub(super) async fn count_all(self: Arc<Self>) {
        let mut counts = Counts::default();
        let mut cursor: Option<String> = None;
        let mut failures = 0;
        loop {
            match self.count_page(cursor.as_deref(), &mut counts).await {
                Ok(None) => break,
                Ok(next) => (cursor, failures) = (next, 0),
                Err(error) => {
                    failures += 1;
                    tracing::debug!(%error, "the connections could not be counted");
                    if failures == TRIES {
                        return;
                    }
                    tokio::time::sleep(TRY_AGAIN).await;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.publish(&counts);
    }

    /// Counts one page; where the next one begins.
    async fn count_page(&self, cursor: Option<&str>, counts: &mut Counts) -> Result<Option<String>, StoreError> {
        let page = self.store.list(None, cursor, PAGE).await?;
        let now = self.time_of(&page).await?;
        let mut due = Vec::new();
        for (key, head) in &page.connections {
            counts.add(head, now);
            if schedule::next(key, head, head.since, self.settings.check_every).is_some() {
                due.push((key.clone(), schedule::first(key, self.settings.check_every)));
            }
        }
        self.store.schedule(&due, ScheduleWhen::Absent).await?;
        Ok(page.next)
    }

    /// The store's time, which comes with any row that is read.
    async fn time_of(&self, page: &Page) -> Result<Option<StoreTime>, StoreError> {
        let Some((key, _)) = page.connections.first() else { return Ok(None) };
        Ok(self.store.read(key).await?.map(|row| row.now))
    }

    fn publish(&self, counts: &Counts) {
        let metrics = &self.metrics;
        metrics.stored_connections.reset();
        metrics.stored_connections.with_label_values(&[Status::Active.as_str(), "none"]).set(0);
        for ((status, cause), count) in &counts.states {
            let cause = cause.map_or("none", Cause::as_str);
            metrics.stored_connections.with_label_values(&[status.as_str(), cause]).set(*count);
        }
        for days in DAYS {
            let count = counts.days.get(days).copied().unwrap_or(0);
            metrics.idle_limit.with_label_values(&[&days.to_string()]).set(count);
        }
    }
}

impl Counts {
    fn add(&mut self, head: &Head, now: Option<StoreTime>) {
        *self.states.entry((head.status, head.cause)).or_default() += 1;
        let lives = matches!(head.status, Status::Active | Status::Checking | Status::Misconfigured);
        if let Some(now) = now.filter(|_| lives && head.grant == GrantKind::RefreshToken) {
            *self.days.entry(days_left(head, now)).or_default() += 1;
        }
    }
}

/// The label for the days that are left to the idle limit.
fn days_left(head: &Head, now: StoreTime) -> u64 {
    let left = (IDLE_LIMIT_DAYS * DAY).saturating_sub(now.millis_since(head.stored));
    let in_days = left.div_ceil(DAY);
    DAYS.iter().copied().find(|days| in_days <= *days).unwrap_or(IDLE_LIMIT_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Generation;

    #[test]
    fn the_days_to_the_idle_limit_are_rounded_up_to_a_value_of_the_label() {
        let now = StoreTime(1000 * DAY);
        for (used_days_ago, label) in
            [(0, 30), (15, 30), (16, 14), (23, 7), (24, 7), (27, 3), (28, 3), (29, 1), (30, 0), (99, 0)]
        {
            let head = Head {
                status: Status::Active,
                cause: None,
                since: StoreTime(0),
                generation: Generation::first(),
                stored: StoreTime((1000 - used_days_ago) * DAY),
                fingerprint: None,
                attempt: None,
                app: "default".to_owned(),
                grant: GrantKind::RefreshToken,
                idle: None,
            };
            assert_eq!(days_left(&head, now), label, "{used_days_ago}");
        }
    }
}
