//! When connections are due, in a sorted set by time: a hint, in a slot of its own.

use std::time::Duration;

use super::RedisStore;
use super::keys::DUE;
use super::scripts;
use crate::connection::ConnectionKey;
use crate::store::listing::MAX_PAGE;
use crate::store::{ScheduleWhen, StoreError};

impl RedisStore {
    pub(super) async fn set_due(
        &self,
        due: &[(ConnectionKey, Duration)],
        when: ScheduleWhen,
    ) -> Result<(), StoreError> {
        // Redis does nothing else while a script runs.
        for part in due.chunks(MAX_PAGE) {
            self.link.call::<()>(&scripts::schedule(part, when)).await?;
        }
        Ok(())
    }

    pub(super) async fn drop_due(&self, tag: &str) -> Result<(), StoreError> {
        self.link.query(DUE, redis::cmd("ZREM").arg(DUE).arg(tag)).await
    }

    pub(super) async fn claim_due(&self, limit: usize, claim: Duration) -> Result<Vec<ConnectionKey>, StoreError> {
        let names: Vec<String> = self.link.call(&scripts::take_due(limit.clamp(1, MAX_PAGE), claim)).await?;
        Ok(names.iter().filter_map(|name| ConnectionKey::decode(name)).collect())
    }
}
