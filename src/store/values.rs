//! What operations of the store are given, and what they answer.

use super::{AttemptId, Fingerprint, Head, Intent, StoreTime};
use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::vault::Sealed;

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

/// When [`Store::put`](super::Store::put) may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutWhen {
    /// Only if the connection does not exist.
    Absent,
    /// Only over exactly this generation.
    At(Generation),
}

/// What came of [`Store::put`](super::Store::put).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// Written.
    Stored,
    /// Not written: this is there instead (or nothing, where a generation was expected).
    Conflict(Option<Box<Head>>),
}

/// What came of [`Store::write_intent`](super::Store::write_intent).
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

/// What came of [`Store::commit`](super::Store::commit).
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
    /// Connections of the page whose record cannot be read; [`Store::remove`](super::Store::remove) without a generation removes them.
    pub corrupt: Vec<ConnectionKey>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// When [`Store::schedule`](super::Store::schedule) sets a time.
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
    /// Names the event and orders it: [`Store::events`](super::Store::events) goes on after it.
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
