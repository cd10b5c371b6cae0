//! The store in Redis 7 or newer. What decides anything is one script over the keys of one connection (one hash tag),
//! by Redis' clock; index, fingerprints and announcements are hints that are confirmed from the record.
//!
//! # Rights
//! A process that holds both key rings needs a user with exactly these rules. `info` and `config|get` serve
//! [`Store::dangers`] only and may be left out; `wait` is needed with `store.replicas` above 0.
//! ```text
//! ACL SETUSER orgpass on >PASSWORD resetkeys ~orgpass:* resetchannels &orgpass:changes -@all
//!   +get +mget +set +del +time +zadd +zrem +zrange +evalsha +script|load
//!   +publish +subscribe +ping +wait +info +config|get
//! ```

mod changes;
mod connect;
mod dangers;
mod errors;
mod hints;
mod keys;
mod replicas;
mod scripts;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use self::connect::Link;
use self::keys::Keys;
use self::replicas::Replicas;
use self::scripts::{Call, Rows, Said};
use super::listing::Range;
use super::stored_head::{self, StoredHead, corrupt};
use super::{
    AttemptId, Commit, Committed, Fingerprint, IntentWrite, NewRecord, Owner, Page, Put, PutWhen, Record, Row,
    Settings, Store, StoreError,
};
use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::secret::Secret;
use crate::vault::Sealed;

/// Announcements that a slow receiver may be behind before it lags.
const CHANGES_KEPT: usize = 1024;

/// Connections in Redis, shared by any number of processes.
pub struct RedisStore {
    link: Link,
    replicas: Replicas,
    changes: broadcast::Sender<ConnectionKey>,
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
        let changes = broadcast::Sender::new(CHANGES_KEPT);
        let mut follower = JoinSet::new();
        follower.spawn(changes::follow(client.clone(), settings.timeout, changes.clone()));
        Ok(Self {
            link: Link::new(client.clone(), settings.timeout)?,
            replicas: Replicas::new(settings.replicas, client, settings.timeout),
            changes,
            _follower: follower,
        })
    }

    async fn call(&self, key: &ConnectionKey, call: &Call) -> Result<Said, StoreError> {
        self.link.run(async |connection| call.run(connection).await).await?.check(key)
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

#[async_trait]
impl Store for RedisStore {
    async fn read(&self, key: &ConnectionKey) -> Result<Option<Row>, StoreError> {
        let keys = Keys::of(key);
        let ((status, session), now) = self.link.run(async |connection| scripts::read(&keys, connection).await).await?;
        let Some(status) = status else { return Ok(None) };
        let head = StoredHead::parse(key, &status)?.head;
        Ok(Some(Row { head, session: session.map(Sealed::from_bytes), now: scripts::store_time(now) }))
    }

    async fn read_record(&self, key: &ConnectionKey) -> Result<Option<Record>, StoreError> {
        let keys = Keys::of(key);
        let ((status, session, grant, intent), now) =
            self.link.run(async |connection| scripts::read_record(&keys, connection).await).await?;
        let Some(status) = status else { return Ok(None) };
        Ok(Some(Record {
            head: StoredHead::parse(key, &status)?.head,
            session: session.map(Sealed::from_bytes),
            grant: Sealed::from_bytes(grant.ok_or_else(|| corrupt(key, "it has no grant"))?),
            intent: intent.map(|bytes| stored_head::parse_intent(key, &bytes)).transpose()?,
            now: scripts::store_time(now),
        }))
    }

    async fn take_lease(&self, key: &ConnectionKey, owner: &Owner, life: Duration) -> Result<bool, StoreError> {
        let millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
        let said = self.call(key, &scripts::take_lease(&Keys::of(key), owner, millis)).await?;
        Ok(said.word == "taken")
    }

    async fn release_lease(&self, key: &ConnectionKey, owner: &Owner) -> Result<(), StoreError> {
        self.call(key, &scripts::release(Keys::of(key).lease(), owner.as_str())).await?;
        Ok(())
    }

    async fn write_intent(
        &self,
        key: &ConnectionKey,
        owner: &Owner,
        read: Generation,
        attempt: &AttemptId,
        fingerprint: &Fingerprint,
        replaces: Option<&AttemptId>,
    ) -> Result<IntentWrite, StoreError> {
        let keys = Keys::of(key);
        let call = scripts::write_intent(&keys, owner, read, attempt, fingerprint, replaces);
        let (said, enough) = self.call_and_wait(key, &call).await?;
        match said.word.as_str() {
            "written" if enough => Ok(IntentWrite::Written),
            "written" => {
                // An intent that it replaced is still of unknown outcome.
                self.call(key, &scripts::clear_intent(&keys, attempt, said.first())).await?;
                Ok(IntentWrite::TooFewReplicas)
            }
            "lease lost" => Ok(IntentWrite::LeaseLost),
            "foreign" => Ok(IntentWrite::Foreign(stored_head::parse_intent(key, said.first().unwrap_or_default())?)),
            _ => Ok(IntentWrite::Changed),
        }
    }

    async fn clear_intent(&self, key: &ConnectionKey, attempt: &AttemptId) -> Result<(), StoreError> {
        self.call(key, &scripts::clear_intent(&Keys::of(key), attempt, None)).await?;
        Ok(())
    }

    async fn commit(&self, key: &ConnectionKey, commit: &Commit) -> Result<Committed, StoreError> {
        let keys = Keys::of(key);
        let (said, enough) = self.call_and_wait(key, &scripts::commit(&keys, commit)).await?;
        if said.word != "stored" {
            return Ok(Committed::Superseded);
        }
        if !enough {
            tracing::warn!("a new token is stored, but on fewer replicas than store.replicas asks for");
        }
        self.follow(&keys, &said.rows(key)?).await?;
        Ok(Committed::Stored)
    }

    async fn set_status(
        &self,
        key: &ConnectionKey,
        read: Generation,
        status: Status,
        cause: Option<Cause>,
    ) -> Result<bool, StoreError> {
        let keys = Keys::of(key);
        let state = serde_json::json!({ "status": status, "cause": cause });
        let said = self.call(key, &scripts::set_status(&keys, read, &state)).await?;
        if said.word != "set" {
            return Ok(false);
        }
        self.follow(&keys, &said.rows(key)?).await?;
        Ok(true)
    }

    async fn put(&self, key: &ConnectionKey, record: &NewRecord, when: PutWhen) -> Result<Put, StoreError> {
        let keys = Keys::of(key);
        let said = self.call(key, &scripts::put(&keys, record, when)).await?;
        let rows = said.rows(key)?;
        if said.word != "stored" {
            return Ok(Put::Conflict(rows.new.map(|there| Box::new(there.head))));
        }
        self.follow(&keys, &rows).await?;
        Ok(Put::Stored)
    }

    async fn remove(&self, key: &ConnectionKey, at: Option<Generation>) -> Result<bool, StoreError> {
        let keys = Keys::of(key);
        let said = self.call(key, &scripts::remove(&keys, at)).await?;
        match said.word.as_str() {
            "changed" => return Ok(false),
            // What was removed may have been corrupt; then its fingerprints are found to be wrong when they are used.
            "removed" => self.follow(&keys, &said.rows(key).unwrap_or_default()).await?,
            // An earlier try may have removed the record and no more.
            _ => self.follow(&keys, &Rows::default()).await?,
        }
        Ok(said.word == "removed")
    }

    async fn holder(&self, fingerprint: &Fingerprint) -> Result<Option<ConnectionKey>, StoreError> {
        self.confirmed_holder(fingerprint).await
    }

    async fn list(&self, tenant: Option<&str>, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.page(&Range::new(tenant, cursor, limit)).await
    }

    fn changes(&self) -> broadcast::Receiver<ConnectionKey> {
        self.changes.subscribe()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.link.query::<()>(&redis::cmd("PING")).await
    }

    async fn dangers(&self) -> Result<Vec<String>, StoreError> {
        dangers::find(&self.link).await
    }
}

#[cfg(test)]
mod tests;
