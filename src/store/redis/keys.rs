//! The names of everything in Redis. What belongs to one connection shares a hash tag, so that one script may touch it
//! all in a Cluster; each kind of row has a name of its own, so that ACL rules can tell them apart.

use crate::connection::ConnectionKey;
use crate::store::{DocumentKind, DocumentName, Fingerprint};

/// Sorted set of the encoded keys of all connections, all with score 0: a hint for listing.
pub(super) const INDEX: &str = "orgpass:index";
/// Channel on which changed connections are announced by their encoded keys.
pub(super) const CHANGES: &str = "orgpass:changes";

/// Channel on which it is said that there are new wishes.
pub(super) const WISHES: &str = "orgpass:wishes";
/// Sorted set of the texts of wishes by the time of asking.
pub(super) const WANTED: &str = "orgpass:wanted";
/// Lives while some hub does.
pub(super) const HUB: &str = "orgpass:hub";
/// Holds the hub that leads; its hash tag puts it into the slot of [`HUB`].
pub(super) const LEADER: &str = "orgpass:leader:{orgpass:hub}";
/// Sorted set of the encoded keys of connections by the time when they are due: a hint.
pub(super) const DUE: &str = "orgpass:due";
/// Sorted set of the encoded keys of connections by the time when they were last used, zero for never: a hint.
pub(super) const USED: &str = "orgpass:used";
/// Stream of changes of state.
pub(super) const EVENTS: &str = "orgpass:events";
/// Sorted set of the names of events that were told, by the time of telling; in the slot of [`EVENTS`].
pub(super) const TOLD: &str = "orgpass:told:{orgpass:events}";
/// Stream of what was changed by whom.
pub(super) const AUDITS: &str = "orgpass:audits";

/// The keys of one connection.
pub(super) struct Keys {
    /// The encoded connection key.
    pub(super) tag: String,
}

impl Keys {
    pub(super) fn of(key: &ConnectionKey) -> Self {
        Self { tag: key.encode() }
    }

    pub(super) fn status(&self) -> String {
        self.row("status")
    }

    pub(super) fn session(&self) -> String {
        self.row("session")
    }

    pub(super) fn grant(&self) -> String {
        self.row("grant")
    }

    pub(super) fn lease(&self) -> String {
        self.row("lease")
    }

    pub(super) fn intent(&self) -> String {
        self.row("intent")
    }

    /// Events that are yet to be told of a connection that is gone.
    pub(super) fn owed(&self) -> String {
        self.row("owed")
    }

    fn row(&self, kind: &str) -> String {
        // Encoded keys have no braces, so the tag is exactly what stands between these.
        format!("orgpass:{kind}:{{{}}}", self.tag)
    }
}

/// Where the holder of a refresh token is noted.
pub(super) fn fingerprint(fingerprint: &Fingerprint) -> String {
    format!("orgpass:fingerprint:{}", fingerprint.as_str())
}

/// Where a document is.
pub(super) fn document(name: &DocumentName) -> String {
    format!("orgpass:document:{}:{}", name.kind().as_str(), name.name())
}

/// Sorted set of the names of the documents of a kind, all with score 0: a hint for listing.
pub(super) fn documents(kind: DocumentKind) -> String {
    format!("orgpass:documents:{}", kind.as_str())
}
