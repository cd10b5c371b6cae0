//! What travels over the control socket.

use serde::{Deserialize, Serialize};

use crate::connection::ConnectionKey;
use crate::management::links::LinkRequest;
use crate::management::{AppDocument, DeviceRequest, ImportDocument, InputFault, Refusal, WhenNotRevoked};

/// One request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Import a connection. Written by [`super::Client::import`] only, since a document does not serialize by itself.
    #[serde(skip_serializing)]
    Import(Box<ImportDocument>),
    /// One page of connections.
    List {
        /// Only this tenant's.
        tenant: Option<String>,
        /// Where the page begins.
        cursor: Option<String>,
        /// The most connections of the page.
        limit: usize,
    },
    /// Everything about a connection but its tokens.
    Show(Name),
    /// Check a connection.
    Check(Name),
    /// Ask a connection's org what its session may do.
    Examine(Name),
    /// Get the next generation.
    Refresh(Name),
    /// Revoke and forget.
    Remove {
        /// Which.
        connection: Name,
        /// What to do if it cannot be revoked.
        otherwise: WhenNotRevoked,
    },
    /// What the records of one page need of the keys.
    KeyUsage {
        /// Where the page begins.
        cursor: Option<String>,
        /// The most connections of the page.
        limit: usize,
    },
    /// Make a link.
    Link {
        /// For which connection.
        connection: Name,
        /// What it is to be for.
        link: LinkRequest,
    },
    /// Take a tenant's app. Written by [`super::Client::put_app`] only, as an import is.
    #[serde(skip_serializing)]
    PutApp {
        /// The tenant.
        connection: Name,
        /// The app.
        app: Box<AppDocument>,
    },
    /// A tenant's app without its secrets.
    App(Name),
    /// Forget a tenant's app.
    RemoveApp(Name),
    /// Begin a device flow.
    BeginDevice {
        /// For which connection.
        connection: Name,
        /// What it is to be for.
        device: DeviceRequest,
    },
    /// Ask whether the person has answered.
    PollDevice(u64),
    /// Changes of state.
    Events {
        /// After this one.
        after: Option<String>,
        /// At most so many.
        limit: usize,
    },
    /// Stop in order. The connection is closed when everything has ended.
    Drain,
    /// Seal the records of one page anew.
    Reseal {
        /// Where the page begins.
        cursor: Option<String>,
        /// The most connections of the page.
        limit: usize,
    },
}

/// Names a connection; checked where it arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    tenant: String,
    user: Option<String>,
}

/// One reply.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply<T> {
    /// Done.
    Done(T),
    /// Not done.
    Refused(Refusal),
}

impl Name {
    /// The name of a connection.
    pub fn of(key: &ConnectionKey) -> Self {
        Self { tenant: key.tenant().to_owned(), user: key.user().map(str::to_owned) }
    }

    pub(super) fn key(&self) -> Result<ConnectionKey, Refusal> {
        ConnectionKey::parse(&self.tenant, self.user.as_deref())
            .map_err(|error| Refusal::Input(vec![InputFault::new("the connection's name", error)]))
    }
}
