//! When connections were last used: one sorted set by time, in a slot of its own, so that many are noted by one command.
//! Whoever may note may write any time there, so one that is yet to come is taken for now. Names are listed by whoever
//! writes records; a note about another name does nothing.

use std::time::Duration;

use super::RedisStore;
use super::keys::{HUB, USED};
use super::scripts::{RawTime, store_time};
use crate::connection::ConnectionKey;
use crate::store::listing::MAX_PAGE;
use crate::store::{StoreError, StoreTime};

impl RedisStore {
    pub(super) async fn now(&self) -> Result<StoreTime, StoreError> {
        let now: RawTime = self.link.query(HUB, &redis::cmd("TIME")).await?;
        Ok(store_time(now))
    }

    pub(super) async fn set_used(&self, used: &[(ConnectionKey, Duration)]) -> Result<(), StoreError> {
        let now = self.now().await?;
        for part in used.chunks(MAX_PAGE) {
            let mut note = redis::cmd("ZADD").arg(USED).arg("XX").arg("GT").take();
            for (key, ago) in part {
                note.arg(now.before(*ago).0).arg(key.encode());
            }
            self.link.query::<()>(USED, &note).await?;
        }
        Ok(())
    }

    pub(super) async fn used_at(&self, keys: &[ConnectionKey]) -> Result<Vec<Option<StoreTime>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.now().await?;
        let mut scores = redis::cmd("ZMSCORE").arg(USED).take();
        for key in keys {
            scores.arg(key.encode());
        }
        let scores: Vec<Option<f64>> = self.link.query(USED, &scores).await?;
        Ok(scores.into_iter().map(|score| time_of(score?).map(|at| at.min(now))).collect())
    }

    pub(super) async fn drop_used(&self, tag: &str) -> Result<(), StoreError> {
        self.link.query(USED, redis::cmd("ZREM").arg(USED).arg(tag)).await
    }
}

/// The time that a score says; zero, with which a name is listed, is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole milliseconds above zero")]
fn time_of(score: f64) -> Option<StoreTime> {
    (score >= 1.0).then_some(StoreTime(score as u64))
}
