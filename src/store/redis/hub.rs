//! Hubs in Redis: a heartbeat that any of them renews, and the lead, both ending by Redis' clock.

use std::time::Duration;

use super::RedisStore;
use super::keys::{HUB, LEADER};
use super::scripts;
use crate::store::{Owner, StoreError};

impl RedisStore {
    pub(super) async fn attend_as(&self, hub: &Owner, life: Duration) -> Result<bool, StoreError> {
        self.ask(&scripts::attend(HUB, LEADER, hub, life)).await
    }

    pub(super) async fn give_up_lead(&self, hub: &Owner) -> Result<(), StoreError> {
        let call = scripts::release(LEADER.to_owned(), hub.as_str());
        self.link.run(async |connection| call.run(connection).await).await?;
        Ok(())
    }

    pub(super) async fn some_hub_lives(&self) -> Result<bool, StoreError> {
        self.link.query(redis::cmd("EXISTS").arg(HUB)).await
    }
}
