//! The store: where connections live, sealed. One trait with two real implementations, Redis and an embedded file, held
//! to one contract by one test suite. A write that decides anything is a compare-and-set on what its writer had read.

#[cfg(test)]
mod contract;
mod embedded;
mod listing;
mod observed;
mod record;
mod redis;
mod settings;
mod stored_head;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast;

pub use embedded::EmbeddedStore;
pub use observed::ObservedStore;
pub use record::{AttemptId, Fingerprint, GrantKind, Head, Intent, Owner, StoreTime};
pub use redis::RedisStore;
pub use settings::{Settings, StoreUrl};

use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::vault::Sealed;

/// What one cold look-up reads: in the clear who and what, sealed the session.
#[derive(Clone, Debug)]
pub struct Row {
    /// State and version, in the clear.
    pub head: Head,
    /// The sealed session; absent until a first token exists.
    pub session: Option<Sealed>,
}

/// What an exchange reads: the whole record, with the store's own time of reading.
#[derive(Clone, Debug)]
pub struct Record {
    /// State and version, in the clear.
    pub head: Head,
    /// The sealed session; absent until a first token exists.
    pub session: Option<Sealed>,
    /// The sealed grant.
    pub grant: Sealed,
    /// An exchange that began and has no known outcome.
    pub intent: Option<Intent>,
    /// The store's clock at the moment of reading.
    pub now: StoreTime,
}

/// A connection to be written whole, by connect or import.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// State and version; the store sets the times.
    pub head: Head,
    /// The sealed session, if there is a token already.
    pub session: Option<Sealed>,
    /// The sealed grant.
    pub grant: Sealed,
}

/// When [`Store::put`] may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutWhen {
    /// Only if the connection does not exist.
    Absent,
    /// Only over exactly this generation.
    At(Generation),
}

/// What came of [`Store::put`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// Written.
    Stored,
    /// Not written: this is there instead (or nothing, where a generation was expected).
    Conflict(Option<Box<Head>>),
}

/// What came of [`Store::write_intent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentWrite {
    /// Written; the exchange may be sent.
    Written,
    /// The lease is not the writer's any more.
    LeaseLost,
    /// The connection is gone or has another generation.
    Changed,
    /// Another attempt's intent is open.
    Foreign(Intent),
    /// Fewer replicas than `store.replicas` have it; it has been taken back, and what it replaced stands again.
    TooFewReplicas,
}

/// The outcome of a successful exchange, to be stored.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The attempt that made it. The same attempt again is known as done.
    pub attempt: AttemptId,
    /// What the attempt had read. Only the epoch and, for refresh tokens, the fingerprint that was spent decide.
    pub read: Generation,
    /// Fingerprint of the refresh token that was spent; `None` where a grant spends none.
    pub spent: Option<Fingerprint>,
    /// The new state and version; the store sets the times.
    pub head: Head,
    /// The new sealed session.
    pub session: Sealed,
    /// The new sealed grant.
    pub grant: Sealed,
}

/// What came of [`Store::commit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// Stored, now or by an earlier try of the same attempt.
    Stored,
    /// The connection was removed or connected anew meanwhile: the new token belongs to nobody.
    Superseded,
}

/// One page of connections.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Connections in the order of their encoded keys.
    pub connections: Vec<(ConnectionKey, Head)>,
    /// Connections of the page whose record cannot be read; [`Store::remove`] without a generation removes them.
    pub corrupt: Vec<ConnectionKey>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

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

    /// Asks whether the store answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Dangers in how the store is set up, each with its fix, in words for the operator.
    async fn dangers(&self) -> Result<Vec<String>, StoreError>;
}
