//! One look of the monitor at one connection: renew a refresh token that was long unused, ask the org whether the
//! session lives, and find out why not if it does not. What was found is in the record afterwards, and says when to look
//! next.

use std::time::{Duration, Instant};

use super::{Hub, schedule};
use crate::connection::{ConnectionKey, Status};
use crate::management::{Refusal, SessionFound};
use crate::store::{GrantKind, Head, Row, ScheduleWhen, StoreError, StoreTime};
use crate::token::Want;

/// Something that is needed did not answer: the next look comes this soon.
const UNAVAILABLE: Duration = Duration::from_secs(60);
/// Salesforce counts a user's logins by the hour.
const RATE_LIMITED: Duration = Duration::from_secs(15 * 60);

impl Hub {
    /// Looks at a connection that is due and sets when it is due again.
    pub(super) async fn look(&self, key: &ConnectionKey) -> Result<(), StoreError> {
        let began = Instant::now();
        let Some(row) = self.store.read(key).await? else { return self.store.unschedule(key).await };
        let found = match row.head.status {
            Status::Pending | Status::Disconnected | Status::Reauthorize => return self.store.unschedule(key).await,
            _ if self.must_be_kept_alive(&row) => {
                self.management.renew(key, Want::Ahead(row.head.generation), None).await.map(|()| "kept_alive")
            }
            _ => self.management.look(key).await.map(|found| match found.session {
                SessionFound::Alive => "alive",
                SessionFound::Renewed => "renewed",
            }),
        };
        let (result, soon) = match &found {
            Ok(word) => (*word, None),
            Err(Refusal::Refused(cause)) => (cause.status().as_str(), None),
            Err(Refusal::NotConnected) => ("disconnected", None),
            Err(Refusal::RateLimited) => ("unavailable", Some(RATE_LIMITED)),
            Err(Refusal::Unavailable { .. } | Refusal::Busy) => {
                ("unavailable", Some(UNAVAILABLE.min(self.settings.check_every)))
            }
            Err(error) => {
                tracing::warn!(connection = %key, %error, "the monitor cannot tell how a connection is");
                ("unclear", None)
            }
        };
        self.metrics.checks.with_label_values(&[result]).inc();
        match soon {
            Some(wait) => self.store.schedule(&[(key.clone(), wait)], ScheduleWhen::Always).await,
            // Nothing has changed, so there is nothing to be read again: this is nearly every look.
            None if row.head.status == Status::Active && result == "alive" => {
                self.schedule_from(key, &row.head, row.now.after(began.elapsed())).await
            }
            None => self.schedule_next(key).await,
        }
    }

    /// Sets when a connection that has just been refused is looked at next. That it does not succeed costs a delay.
    pub(super) async fn look_again_in_time(&self, key: &ConnectionKey) {
        if let Err(error) = self.schedule_next(key).await {
            tracing::debug!(connection = %key, %error, "the next look at a connection was not scheduled");
        }
    }

    async fn schedule_next(&self, key: &ConnectionKey) -> Result<(), StoreError> {
        match self.store.read(key).await? {
            Some(row) => self.schedule_from(key, &row.head, row.now).await,
            None => self.store.unschedule(key).await,
        }
    }

    async fn schedule_from(&self, key: &ConnectionKey, head: &Head, now: StoreTime) -> Result<(), StoreError> {
        match schedule::next(key, head, now, self.settings.check_every) {
            Some(wait) => self.store.schedule(&[(key.clone(), wait)], ScheduleWhen::Always).await,
            None => self.store.unschedule(key).await,
        }
    }

    /// Whether the refresh token has not been used for so long that a look renews it. What an admin must cure first is
    /// tried by a look anyway.
    fn must_be_kept_alive(&self, row: &Row) -> bool {
        let age = Duration::from_millis(row.now.millis_since(row.head.stored));
        row.head.status == Status::Active
            && row.head.grant == GrantKind::RefreshToken
            && age >= self.settings.keep_alive_after
    }
}
