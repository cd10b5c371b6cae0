//! The store: where connections live, sealed. One trait with two real implementations, Redis and an embedded file, held
//! to one contract by one test suite. A write that decides anything is a compare-and-set on what its writer had read.

#[cfg(test)]
mod contract;
mod document;
mod embedded;
mod listing;
mod observed;
mod record;
mod redis;
mod redis_url;
mod settings;
mod stored_event;
mod stored_head;
mod values;
mod wish;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

pub use document::{AuditEntry, DocumentKind, DocumentName, DocumentNameError, DocumentWhen, MAX_AUDITS};
pub use embedded::EmbeddedStore;
pub use observed::ObservedStore;
pub use record::{AttemptId, Fingerprint, GrantKind, Head, Intent, Owner, StoreTime};
pub use redis::{Access, Credentials, RedisStore};
pub use redis_url::RedisUrl;
pub use settings::{Settings, StoreUrl};
pub use values::{
    Commit, Committed, Event, IntentWrite, NewRecord, Page, Put, PutWhen, Record, Resealed, Row, ScheduleWhen, State,
};
pub use wish::{Need, Wish};

use crate::connection::{Cause, ConnectionKey, Generation, Status};

/// The most wishes that are kept.
pub const MAX_WISHES: usize = 10_000;
/// About how many events are kept.
pub const MAX_EVENTS: usize = 100_000;

/// Why a store operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or does not answer in time; the operation may or may not have happened.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Another process has the embedded file open.
    #[error("{0} is in use by another process; run one orgpass serve for each file, or use Redis")]
    InUse(String),
    /// What the store holds for a connection is not a record.
    #[error("the stored record of {0} is corrupt: {1}")]
    Corrupt(String, String),
    /// The store refuses the operation: wrong password, missing right, wrong version, read-only file.
    #[error("the store refuses: {0}")]
    Refused(String),
}

/// A store of connections. Every method is one operation of the store and is safe to repeat.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads what a cold look-up needs, in one operation.
    async fn read(&self, key: &ConnectionKey) -> Result<Option<Row>, StoreError>;

    /// Reads the whole record and the store's time, in one operation.
    async fn read_record(&self, key: &ConnectionKey) -> Result<Option<Record>, StoreError>;

    /// Takes the lease for `life` if nobody else holds it. Taking it again as its owner renews it.
    async fn take_lease(&self, key: &ConnectionKey, owner: &Owner, life: Duration) -> Result<bool, StoreError>;

    /// Gives the lease back; does nothing if it is another's.
    async fn release_lease(&self, key: &ConnectionKey, owner: &Owner) -> Result<(), StoreError>;

    /// Writes that an exchange is about to be sent, if `owner` has the lease, the connection is at `read`, and no
    /// intent is open but the one of attempt `replaces`. The store sets the intent's time.
    async fn write_intent(
        &self,
        key: &ConnectionKey,
        owner: &Owner,
        read: Generation,
        attempt: &AttemptId,
        fingerprint: &Fingerprint,
        replaces: Option<&AttemptId>,
    ) -> Result<IntentWrite, StoreError>;

    /// Removes the intent of `attempt`: its token is known to be unspent. Another attempt's intent stays.
    async fn clear_intent(&self, key: &ConnectionKey, attempt: &AttemptId) -> Result<(), StoreError>;

    /// Stores the outcome of an exchange, clears its intent and announces the change. The last attempts stored are
    /// remembered, so that a commit repeated after later ones is `Stored` and takes nothing back.
    async fn commit(&self, key: &ConnectionKey, commit: &Commit) -> Result<Committed, StoreError>;

    /// Sets status and cause if the connection is still at `read`, and announces the change. False if it is not.
    async fn set_status(
        &self,
        key: &ConnectionKey,
        read: Generation,
        status: Status,
        cause: Option<Cause>,
    ) -> Result<bool, StoreError>;

    /// Writes a whole connection, drops any intent of an earlier authorization, and announces the change. A connection
    /// found at the very generation that was to be written is `Stored`: an earlier try did it.
    async fn put(&self, key: &ConnectionKey, record: &NewRecord, when: PutWhen) -> Result<Put, StoreError>;

    /// Forgets a connection and announces it. With `at`, only if it is still at that generation. False if nothing was
    /// removed. Without `at`, a corrupt record is removed too.
    async fn remove(&self, key: &ConnectionKey, at: Option<Generation>) -> Result<bool, StoreError>;

    /// Which connection was last seen with this refresh token, as its present one or one of the last it spent: a hint,
    /// to be confirmed from its record.
    async fn holder(&self, fingerprint: &Fingerprint) -> Result<Option<ConnectionKey>, StoreError>;

    /// Lists connections, of one tenant or all, from a cursor on. `limit` is at most 1,000.
    async fn list(&self, tenant: Option<&str>, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError>;

    /// Announcements of changed connections: hints that make a process read again. A receiver that lags has missed some.
    fn changes(&self) -> broadcast::Receiver<ConnectionKey>;

    /// Announces a connection without a change: whoever knows more of it than the store does is to say so.
    async fn announce(&self, key: &ConnectionKey) -> Result<(), StoreError>;

    /// Counts up each time that the store is reached again after it was lost: it may have gone back meanwhile.
    fn reconnects(&self) -> watch::Receiver<u64>;

    /// Puts newly sealed values in the place of old ones, if the connection still has exactly those. The record stays the
    /// same in all else, and nothing is announced. False if a value is another one by now.
    async fn reseal(
        &self,
        key: &ConnectionKey,
        session: Option<&Resealed>,
        grant: Option<&Resealed>,
    ) -> Result<bool, StoreError>;

    /// Adds a wish, unless it is there, and announces that there are wishes. The store keeps at most [`MAX_WISHES`]:
    /// beyond that the wish that has waited longest goes, whose asker has given up by then.
    async fn wish(&self, wish: &Wish) -> Result<(), StoreError>;

    /// The wishes that have waited longest, at most `limit`.
    async fn wishes(&self, limit: usize) -> Result<Vec<Wish>, StoreError>;

    /// Removes a wish: it is fulfilled, or cannot be.
    async fn withdraw(&self, wish: &Wish) -> Result<(), StoreError>;

    /// Announcements that there are new wishes: hints, of which some may be missed.
    fn wished(&self) -> broadcast::Receiver<()>;

    /// Says that this hub lives, for `life` from now, and tells whether it is the one that leads: the first that asks
    /// leads, for as long as it goes on saying so.
    async fn attend(&self, hub: &Owner, life: Duration) -> Result<bool, StoreError>;

    /// Gives up the lead, if this hub has it.
    async fn step_down(&self, hub: &Owner) -> Result<(), StoreError>;

    /// Whether some hub lives.
    async fn has_hub(&self) -> Result<bool, StoreError>;

    /// Sets when connections are due to be looked at: so long after the store's now. A hint; [`Store::remove`] takes the
    /// connection out again.
    async fn schedule(&self, due: &[(ConnectionKey, Duration)], when: ScheduleWhen) -> Result<(), StoreError>;

    /// Takes a connection out of the schedule.
    async fn unschedule(&self, key: &ConnectionKey) -> Result<(), StoreError>;

    /// The connections that are due, longest overdue first, at most `limit`. Each is put off by `claim`, so that nobody
    /// else takes it and it comes again should whoever took it die.
    async fn take_due(&self, limit: usize, claim: Duration) -> Result<Vec<ConnectionKey>, StoreError>;

    /// Changes of state after the one named, oldest first, at most `limit`; from the oldest kept on if none is named, or
    /// one that this kind of store never gave. Every write that changes status, cause or epoch leaves one; with Redis, if
    /// the writer dies or loses Redis in the midst of it, only once the connection is written or listed again. The last
    /// [`MAX_EVENTS`] or so are kept.
    async fn events(&self, after: Option<&str>, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// Reads a document; `None` if there is none, or its life has ended.
    async fn document(&self, name: &DocumentName) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes a document, which goes by itself after `life`, if it has one. False if it is not as `when` demands; a
    /// document found as it was to be written is written: an earlier try did it. So who must win alone writes something
    /// that nobody else would.
    async fn put_document(
        &self,
        name: &DocumentName,
        value: &[u8],
        when: DocumentWhen<'_>,
        life: Option<Duration>,
    ) -> Result<bool, StoreError>;

    /// Removes a document; with `was`, only if it is exactly that. False if it is another one.
    async fn remove_document(&self, name: &DocumentName, was: Option<&[u8]>) -> Result<bool, StoreError>;

    /// The documents of a kind after the one named, in the order of their names, at most `limit`, each with its name. With
    /// Redis one that was just written may be missing, until it is written again.
    async fn documents(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Adds to the audit trail, of which the last [`MAX_AUDITS`] or so are kept.
    async fn audit(&self, entry: &[u8]) -> Result<(), StoreError>;

    /// The audit trail after the entry named, oldest first, at most `limit`; from the oldest kept on if none is named.
    async fn audits(&self, after: Option<&str>, limit: usize) -> Result<Vec<AuditEntry>, StoreError>;

    /// Notes that calls of these connections were last accepted so long ago. Of what several processes note the latest
    /// stands; a connection that is not there is passed over. A hint.
    async fn note_used(&self, used: &[(ConnectionKey, Duration)]) -> Result<(), StoreError>;

    /// When calls of these connections were last accepted, as far as it was noted, in the same order; at most 1,000.
    async fn last_used(&self, keys: &[ConnectionKey]) -> Result<Vec<Option<StoreTime>>, StoreError>;

    /// What time it is by the store's clock.
    async fn time(&self) -> Result<StoreTime, StoreError>;

    /// Asks whether the store answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Dangers in how the store is set up, each with its fix, in words for the operator.
    async fn dangers(&self) -> Result<Vec<String>, StoreError>;
}
