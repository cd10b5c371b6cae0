//! Hubs in Redis: a heartbeat that any of them renews, and the lead, both ending by Redis' clock.

use std::time::Duration;

use redis::Value;

use super::RedisStore;
use super::keys::{HUB, LEADER};
use super::scripts;
use crate::store::{Owner, StoreError};

impl RedisStore {
    pub(super) async fn attend_as(&self, hub: &Owner, life: Duration) -> Result<bool, StoreError> {
        self.link.call(&scripts::attend(hub, life)).await
    }

    pub(super) async fn give_up_lead(&self, hub: &Owner) -> Result<(), StoreError> {
        self.link.call::<Value>(&scripts::release(LEADER.to_owned(), hub.as_str())).await?;
        Ok(())
    }

    pub(super) async fn some_hub_lives(&self) -> Result<bool, StoreError> {
        self.link.query(HUB, redis::cmd("EXISTS").arg(HUB)).await
    }
}
