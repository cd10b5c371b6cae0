//! The token engine: what the proxy asks for tokens. A warm look-up is one map access; everything else, loading from the
//! store and getting the next generation, runs in tasks that no caller owns, one for each connection at a time.

mod ahead;
mod ask_hub;
mod backoff;
mod breaker;
mod clock;
mod data_cloud;
mod exchange;
mod journal;
mod lifetime;
mod own_app;
mod sealed;
mod session;
mod settings;
mod slot;
mod source;
mod successors;
mod traced;
mod used;

pub use ask_hub::AskHub;
pub use breaker::{Breaker, Held, HeldBy, Limits, Outcome, Permit};
pub use clock::Clock;
pub use data_cloud::{DataCloudError, DataCloudSession};
pub use exchange::{Exchanger, ExchangerParts, Obtained, Want};
pub use lifetime::{Life, LifeSource, stored_life};
pub use own_app::{AppError, OwnApp};
pub use sealed::{GrantSecret, RecordError, SessionSecret};
pub use session::Session;
pub use settings::Settings;
pub use slot::Slot;
pub use source::{Parts, RefusedSession, TokenSource};
pub use successors::Successors;

use std::time::Duration;

use crate::connection::{Cause, Status};
use crate::salesforce::ErrorCode;

/// Why there is no token to send a call with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenError {
    /// Nobody has connected this tenant and user, or it was disconnected.
    #[error("not connected")]
    NotConnected,
    /// A person must consent again.
    #[error("needs new consent: {0}")]
    Reauthorize(Cause),
    /// An admin must change something.
    #[error("misconfigured: {cause}")]
    Misconfigured {
        /// What it is.
        cause: Cause,
        /// Salesforce's own code, where a call met one.
        code: Option<ErrorCode>,
    },
    /// No token now; try again.
    #[error("no token at the moment: {reason}")]
    Unavailable {
        /// Why.
        reason: Unavailable,
        /// When to ask again.
        retry_after: Duration,
    },
}

/// Why no token is to be had at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unavailable {
    /// The store does not answer.
    Store,
    /// What the store holds cannot be opened: wrong key file, or a record that was altered or moved.
    Record,
    /// The token endpoint cannot be reached or is in trouble.
    TokenEndpoint,
    /// Salesforce limits the user's logins.
    RateLimited,
    /// Another exchange is under way, or its outcome is unknown.
    Busy,
    /// The store holds less than this process has seen: it went back to an older state.
    RolledBack,
    /// Salesforce refuses the app, whichever connection asks.
    App,
    /// The connection has had as many exchanges as it may have.
    Cap,
    /// This process has no grant keys and no hub answers.
    NoHub,
}

impl Unavailable {
    /// The reason in words, for logs and error texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Store => "the store does not answer",
            Self::Record => "the stored record does not open with this key file",
            Self::TokenEndpoint => "Salesforce's token endpoint does not answer",
            Self::RateLimited => "Salesforce limits this user's logins",
            Self::Busy => "another exchange is under way",
            Self::RolledBack => "the store went back to an older state",
            Self::App => "Salesforce refuses the app",
            Self::Cap => "the connection has had as many exchanges as it may have in an hour",
            Self::NoHub => "this process has no grant keys and no hub is running",
        }
    }
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TokenError {
    /// Nothing now, for this reason; ask again after the usual second.
    pub(crate) fn unavailable(reason: Unavailable) -> Self {
        Self::Unavailable { reason, retry_after: Duration::from_secs(1) }
    }

    /// Nothing any more, for a cause that ends a connection or that somebody must mend.
    fn of(cause: Cause) -> Self {
        match cause.status() {
            Status::Reauthorize => Self::Reauthorize(cause),
            _ => Self::Misconfigured { cause, code: None },
        }
    }
}
