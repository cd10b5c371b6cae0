//! What both stores write for a connection in the clear: its head and the last attempts that were stored, so that a
//! commit repeated late is still known as done. Never put stored bytes into an error: they may be anything.

use serde::{Deserialize, Serialize};

use super::{AttemptId, Fingerprint, Head, Intent, StoreError, StoreTime};
use crate::connection::ConnectionKey;

/// How many attempts a connection remembers as done. A commit may be repeated for as long as the store was away for its
/// writer, while others go on exchanging.
pub(super) const REMEMBERED_ATTEMPTS: usize = 4;

/// An attempt whose outcome was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Done {
    /// The attempt.
    pub(super) attempt: AttemptId,
    /// The refresh token that it spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spent: Option<Fingerprint>,
}

/// The clear row of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredHead {
    /// What readers see.
    pub(super) head: Head,
    /// The last attempts of this epoch, oldest first. Left out when empty: Lua writes an empty list as `{}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) done: Vec<Done>,
    /// Events of this connection that are yet to be told, where the store cannot tell them in the same step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) owed: Option<String>,
}

impl StoredHead {
    /// A new row over `old`: keeps the epoch's attempts, and the times if the state or the generation is the same.
    pub(super) fn over(old: Option<&Self>, mut head: Head, now: StoreTime) -> Self {
        let old = old.filter(|old| old.head.generation.epoch == head.generation.epoch);
        head.since = match old {
            Some(old) if (old.head.status, old.head.cause) == (head.status, head.cause) => old.head.since,
            _ => now,
        };
        head.stored = match old {
            Some(old) if old.head.generation == head.generation => old.head.stored,
            _ => now,
        };
        Self { head, done: old.map(|old| old.done.clone()).unwrap_or_default(), owed: None }
    }

    /// Adds an attempt to those known as done and forgets the oldest.
    pub(super) fn remember(&mut self, done: Done) {
        self.done.push(done);
        if self.done.len() > REMEMBERED_ATTEMPTS {
            self.done.remove(0);
        }
    }

    /// Whether the outcome of `attempt` is stored.
    pub(super) fn knows(&self, attempt: &AttemptId) -> bool {
        self.done.iter().any(|done| done.attempt == *attempt)
    }

    /// The fingerprints under which the connection is to be found: the present one and the last spent ones.
    pub(super) fn fingerprints(&self) -> impl Iterator<Item = &Fingerprint> {
        self.head.fingerprint.iter().chain(self.done.iter().filter_map(|done| done.spent.as_ref()))
    }

    /// Whether the connection has or lately had this refresh token.
    pub(super) fn mentions(&self, fingerprint: &Fingerprint) -> bool {
        self.fingerprints().any(|known| known == fingerprint)
    }

    /// The row as stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("heads have text keys only")
    }

    /// Reads a stored row.
    pub(super) fn parse(key: &ConnectionKey, bytes: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(bytes).map_err(|_| corrupt(key, "its status is not in a form that this version knows"))
    }
}

/// Reads a stored intent.
pub(super) fn parse_intent(key: &ConnectionKey, bytes: &[u8]) -> Result<Intent, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| corrupt(key, "its intent is not in a form that this version knows"))
}

/// The error for a row that is not a record; `why` is a fixed sentence.
pub(super) fn corrupt(key: &ConnectionKey, why: &'static str) -> StoreError {
    StoreError::Corrupt(key.to_string(), why.to_owned())
}
