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

use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::vault::Sealed;

/// The most wishes that are kept.
pub const MAX_WISHES: usize = 10_000;
/// About how many events are kept.
pub const MAX_EVENTS: usize = 100_000;

/// What one cold look-up reads: in the clear who and what, sealed the session.
#[derive(Clone, Debug)]
pub struct Row {
    /// State and version, in the clear.
    pub head: Head,
    /// The sealed session; absent until a first token exists.
    pub session: Option<Sealed>,
    /// The store's clock at the moment of reading.
    pub now: StoreTime,
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
#[derive(Clone, Debug, PartialEq)]
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

/// What a process without grant keys asks of the hubs. Equal wishes are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wish {
    /// For which connection.
    pub key: ConnectionKey,
    /// What is needed.
    pub need: Need,
}

/// What is needed of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// The generation after `refused`, or any if there is none yet. Fulfilled once the connection has one.
    Next {
        /// The generation that an org has refused.
        refused: Option<Generation>,
        /// For how long it had been idle when it was refused, in whole seconds: what the asker has learned of its life.
        idle: Option<u32>,
    },
    /// A look at this generation, which an org refused within a second of its being stored: is it good for nothing?
    Check(Generation),
}

/// When [`Store::schedule`] sets a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleWhen {
    /// Whatever was set before.
    Always,
    /// Only for connections that have no time yet.
    Absent,
}

/// A change of a connection's state, as it is told to whoever follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Names the event and orders it: [`Store::events`] goes on after it.
    pub id: String,
    /// When, by the store's clock.
    pub at: StoreTime,
    /// Which connection.
    pub key: ConnectionKey,
    /// The state before; `None` for a new connection, and for one whose record could not be read when it was removed.
    pub before: Option<State>,
    /// The state now; `None` for one that was removed.
    pub after: Option<State>,
}

/// What an event tells of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct State {
    /// Its status.
    pub status: Status,
    /// Why it is not active.
    pub cause: Option<Cause>,
    /// Its generation.
    pub generation: Generation,
}

/// A sealed value that was read, and the same value sealed anew.
#[derive(Clone, Debug)]
pub struct Resealed {
    /// As it was read.
    pub old: Sealed,
    /// As it is to be.
    pub new: Sealed,
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
