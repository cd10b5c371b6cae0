//! The audit trail: who changed what, when, and what came of it. In the store, and as a log event of its own target.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Management, Refusal};
use crate::connection::ConnectionKey;
use crate::store::StoreTime;

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user of the API, by the name of the token.
    Api(String),
    /// A person at the status page, by the name of the token.
    Person(String),
    /// Whoever went through a link.
    Link,
    /// The command line beside a running process.
    Operator,
    /// The hub by itself.
    Hub,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// Who: `api NAME`, `person NAME`, `link`, `operator` or `hub`.
    pub who: String,
    /// What was done, such as `connection.removed`.
    pub action: String,
    /// Of which tenant.
    pub tenant: String,
    /// Of which user, if it is about a user connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What came of it: `done`, or why not.
    pub outcome: String,
}

/// Entries with their ids and times, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<(String, StoreTime, Audited)>,
    /// Where the next page begins; `None` if there was nothing.
    pub next: Option<String>,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(name) => write!(f, "api {name}"),
            Self::Person(name) => write!(f, "person {name}"),
            Self::Link => f.write_str("link"),
            Self::Operator => f.write_str("operator"),
            Self::Hub => f.write_str("hub"),
        }
    }
}

impl Management {
    /// Records what was done to a connection. A trail that cannot be written does not undo what was done; the log has it.
    pub async fn record<T>(&self, actor: &Actor, action: &str, key: &ConnectionKey, outcome: &Result<T, Refusal>) {
        self.record_for(actor, action, key.tenant(), key.user(), outcome).await;
    }

    /// The same for something of a whole tenant.
    pub async fn record_for<T>(
        &self,
        actor: &Actor,
        action: &str,
        tenant: &str,
        user: Option<&str>,
        outcome: &Result<T, Refusal>,
    ) {
        let outcome = outcome.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned());
        let entry = Audited {
            who: actor.to_string(),
            action: action.to_owned(),
            tenant: tenant.to_owned(),
            user: user.map(str::to_owned),
            outcome,
        };
        let Audited { who, outcome, .. } = &entry;
        tracing::info!(target: "audit", who, action, tenant, user, outcome);
        let json = serde_json::to_vec(&entry).expect("texts serialize");
        if let Err(error) = self.store.audit(&json).await {
            tracing::warn!(%error, action, "the audit trail in the store lacks an entry");
        }
    }

    /// The trail after the entry named, oldest first. What another version wrote and this one cannot read is passed over.
    pub async fn audits(&self, after: Option<&str>, limit: usize) -> Result<AuditPage, Refusal> {
        let found = self.store.audits(after, limit).await?;
        let next = found.last().map(|entry| entry.id.clone());
        let read = |entry: crate::store::AuditEntry| {
            Some((entry.id, entry.at, serde_json::from_slice::<Audited>(&entry.entry).ok()?))
        };
        Ok(AuditPage { entries: found.into_iter().filter_map(read).collect(), next })
    }
}
