//! The store in Redis 7 or newer. What decides anything is one script over the keys of one connection (one hash tag),
//! by Redis' clock; index, fingerprints and announcements are hints that are confirmed from the record.
//!
//! # Rights
//! A process that holds both key rings needs a user with exactly these rules. `info` and `config|get` serve
//! [`Store::dangers`](super::Store::dangers) only and may be left out; `wait` is needed with `store.replicas` above 0,
//! `cluster|slots` and `asking` with a Cluster.
//! ```text
//! ACL SETUSER orgpass on >PASSWORD resetkeys ~orgpass:* resetchannels &orgpass:changes &orgpass:wishes -@all
//!   +get +mget +set +del +exists +time +zadd +zrem +zremrangebyrank +zrange +zmscore +xadd +xrange
//!   +eval +evalsha +eval_ro +publish +subscribe +ping +wait +info +config|get +cluster|slots +asking
//! ```
//! A sidecar with session keys only needs no more than these. It reads status and session, sees whether a hub lives,
//! hears of changes, adds wishes, and notes when connections were last used; it can neither write nor read anything else.
//! ```text
//! ACL SETUSER orgpass-sidecar on >PASSWORD resetkeys %R~orgpass:status:* %R~orgpass:session:* %R~orgpass:hub
//!   resetchannels &orgpass:changes -@all +mget +exists +time +eval_ro +subscribe +ping +cluster|slots +asking
//!   (~orgpass:wanted &orgpass:wishes +eval +evalsha +time +zadd +zremrangebyrank +publish) (~orgpass:used +zadd)
//! ```

mod announcements;
mod cluster;
mod connect;
mod dangers;
mod documents;
mod errors;
mod events;
mod hints;
mod hub;
mod keys;
mod link;
mod operations;
mod presence;
mod replicas;
mod schedule;
mod scripts;
mod sentinel;
mod server;
mod slots;
mod used;
mod wishes;

use std::fmt;
use std::sync::Arc;

use tokio::task::JoinSet;

use self::announcements::Announcements;
pub use self::connect::{Access, Credentials};
use self::link::Link;
use self::presence::Presence;
use self::replicas::Replicas;
use self::scripts::{Call, Said};
use super::{Settings, StoreError, StoreUrl};
use crate::connection::ConnectionKey;

/// Connections in Redis, shared by any number of processes.
pub struct RedisStore {
    link: Link,
    replicas: Replicas,
    presence: Presence,
    announcements: Announcements,
    // End with the store.
    _followers: JoinSet<()>,
}

impl RedisStore {
    /// Makes the store; must be called within a tokio runtime. Redis may be away: it is connected to in the background
    /// and on demand. Fails only for settings that can never work. Credentials are read for each connection that is made.
    pub fn connect(settings: &Settings, credentials: impl Credentials) -> Result<Self, StoreError> {
        let StoreUrl::Redis(url) = &settings.url else {
            return Err(StoreError::Refused("store.url names a file, not Redis".to_owned()));
        };
        let (announcements, presence) = (Announcements::new(), Presence::new());
        let credentials: Arc<dyn Credentials> = Arc::new(credentials);
        let link = Link::new(url, &credentials, settings.timeout, presence.clone())?;
        let mut followers = JoinSet::new();
        followers.spawn(announcements.clone().follow(link.clone(), settings.timeout, presence.clone()));
        followers.spawn(link.clone().watch());
        Ok(Self {
            replicas: Replicas::new(settings.replicas, link.clone(), settings.timeout),
            link,
            presence,
            announcements,
            _followers: followers,
        })
    }

    /// Runs a script over a connection's record.
    async fn call(&self, key: &ConnectionKey, call: &Call) -> Result<Said, StoreError> {
        self.link.call::<Said>(call).await?.check(key)
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
