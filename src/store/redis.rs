//! The store in Redis 7 or newer. What decides anything is one script over the keys of one connection (one hash tag),
//! by Redis' clock; index, fingerprints and announcements are hints that are confirmed from the record.
//!
//! # Rights
//! A process that holds both key rings needs a user with exactly these rules. `info` and `config|get` serve
//! [`Store::dangers`] only and may be left out; `wait` is needed with `store.replicas` above 0.
//! ```text
//! ACL SETUSER orgpass on >PASSWORD resetkeys ~orgpass:* resetchannels &orgpass:changes &orgpass:wishes -@all
//!   +get +mget +set +del +exists +time +zadd +zrem +zremrangebyrank +zrange +xadd +xrange +evalsha +script|load
//!   +publish +subscribe +ping +wait +info +config|get
//! ```

mod announcements;
mod connect;
mod dangers;
mod errors;
mod events;
mod hints;
mod hub;
mod keys;
mod operations;
mod presence;
mod replicas;
mod schedule;
mod scripts;
mod wishes;

use std::fmt;

use redis::FromRedisValue;
use tokio::task::JoinSet;

use self::announcements::Announcements;
use self::connect::Link;
use self::presence::Presence;
use self::replicas::Replicas;
use self::scripts::{Call, Said};
use super::{Settings, StoreError};
use crate::connection::ConnectionKey;
use crate::secret::Secret;

/// Connections in Redis, shared by any number of processes.
pub struct RedisStore {
    link: Link,
    replicas: Replicas,
    presence: Presence,
    announcements: Announcements,
    // Ends with the store.
    _follower: JoinSet<()>,
}

impl RedisStore {
    /// Makes the store; must be called within a tokio runtime. Redis may be away: it is connected to in the background
    /// and on demand. Fails only for settings that can never work. With `ca_pem` only those roots are trusted, without
    /// it the public ones.
    pub fn connect(
        settings: &Settings,
        password: Option<&Secret<String>>,
        ca_pem: Option<Vec<u8>>,
    ) -> Result<Self, StoreError> {
        let client = connect::client(settings, password, ca_pem)?;
        let (announcements, presence) = (Announcements::new(), Presence::new());
        let mut follower = JoinSet::new();
        follower.spawn(announcements.clone().follow(client.clone(), settings.timeout, presence.clone()));
        Ok(Self {
            link: Link::new(client.clone(), settings.timeout, presence.clone())?,
            replicas: Replicas::new(settings.replicas, client, settings.timeout),
            presence,
            announcements,
            _follower: follower,
        })
    }

    /// Runs a script over a connection's record.
    async fn call(&self, key: &ConnectionKey, call: &Call) -> Result<Said, StoreError> {
        self.link.run(async |connection| call.run(connection).await).await?.check(key)
    }

    /// Runs a script that answers in a form of its own.
    async fn ask<T: FromRedisValue>(&self, call: &Call) -> Result<T, StoreError> {
        self.link.run(async |connection| call.ask(connection).await).await
    }

    /// Runs a script whose write replicas must have. The flag tells whether enough of them do, or none are wanted.
    async fn call_and_wait(&self, key: &ConnectionKey, call: &Call) -> Result<(Said, bool), StoreError> {
        if !self.replicas.are_wanted() {
            return Ok((self.call(key, call).await?, true));
        }
        let (said, enough) = self.replicas.run(call).await?;
        Ok((said.check(key)?, enough))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisStore")
    }
}

#[cfg(test)]
mod tests;
