//! Wishes in Redis: a sorted set by the time of asking. Whoever may ask may write anything there, so what is no wish is
//! taken out by whoever reads.

use super::RedisStore;
use super::keys::WANTED;
use super::scripts;
use crate::store::{MAX_WISHES, StoreError, Wish};

impl RedisStore {
    pub(super) async fn add_wish(&self, wish: &Wish) -> Result<(), StoreError> {
        self.link.call(&scripts::wish(&wish.to_text(), MAX_WISHES)).await
    }

    pub(super) async fn oldest_wishes(&self, limit: usize) -> Result<Vec<Wish>, StoreError> {
        let last = limit.clamp(1, MAX_WISHES) - 1;
        let texts: Vec<Vec<u8>> = self.link.query(WANTED, redis::cmd("ZRANGE").arg(WANTED).arg(0).arg(last)).await?;
        let mut wishes = Vec::new();
        let mut noise = redis::cmd("ZREM").arg(WANTED).take();
        let before = noise.args_iter().count();
        for text in &texts {
            match Wish::parse(text) {
                Some(wish) => wishes.push(wish),
                None => drop(noise.arg(text)),
            }
        }
        if noise.args_iter().count() > before {
            self.link.query::<()>(WANTED, &noise).await?;
        }
        Ok(wishes)
    }

    pub(super) async fn remove_wish(&self, wish: &Wish) -> Result<(), StoreError> {
        self.link.query(WANTED, redis::cmd("ZREM").arg(WANTED).arg(wish.to_text())).await
    }
}
