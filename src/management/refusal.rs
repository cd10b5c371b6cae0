//! Why an operation was not done, in a form that travels over the control socket. No secret is ever part of it.

use serde::{Deserialize, Serialize};

use super::InputFault;
use crate::connection::{Cause, Status};
use crate::store::StoreError;
use crate::token::{TokenError, Unavailable};

/// Why an operation was not done. Displayed for the operator, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// What was given is wrong.
    #[error("{}", listed(.0))]
    Input(Vec<InputFault>),
    /// There is no such connection.
    #[error("there is no such connection; orgpass connection list shows those there are")]
    NotConnected,
    /// Another authorization is there and in use.
    #[error(
        "another authorization is there already and is {0}; remove the connection first, or import under another name"
    )]
    Conflict(Status),
    /// Another connection has this refresh token.
    #[error("this refresh token belongs to another connection already: {0}; two would spend it for each other")]
    TokenHeld(String),
    /// The refresh token was exchanged for a newer one.
    #[error("this refresh token is known as spent: it was exchanged for a newer one; give the newest")]
    TokenSpent,
    /// Links lead to a hub.
    #[error("there is no section [hub] in the configuration; links are made where the hub is")]
    NoHub,
    /// The tenant has no app of its own.
    #[error("the tenant has brought no app of its own")]
    NoApp,
    /// Connections need the app.
    #[error("{0} connections of the tenant use its app; remove them first, or connect them under another app")]
    AppInUse(usize),
    /// Users come after their tenant.
    #[error("the tenant itself is not connected yet, and hub.users_need_installation wants that first")]
    InstallationNeeded,
    /// This process cannot open refresh tokens.
    #[error("this process has no grant keys; do it where vault.grant_keys_file is configured")]
    NoGrantKeys,
    /// Another operation or exchange has the connection.
    #[error("the connection is busy with an exchange or another operation; try again in a minute")]
    Busy,
    /// Salesforce, or the configuration, refuses the connection.
    #[error("{}: {} {}", .0.status(), .0.meaning(), .0.fix())]
    Refused(Cause),
    /// A connection stays with its org.
    #[error(
        "this connection is to org {connected}, and the consent was given in org {given}; log in to the right org, or remove the connection first"
    )]
    AnotherOrg {
        /// The org that it is connected to.
        connected: String,
        /// The org that was given.
        given: String,
    },
    /// A user connection stays with its Salesforce user.
    #[error("this connection is to another user of the org; log in as that user, or remove the connection first")]
    AnotherUser,
    /// Something that is needed does not answer.
    #[error("{message}; try again")]
    Unavailable {
        /// What it is.
        message: String,
    },
    /// Salesforce limits logins.
    #[error("Salesforce limits this user's logins; try again in an hour")]
    RateLimited,
    /// The record cannot be used.
    #[error("{message}")]
    Record {
        /// Why, and what to do.
        message: String,
    },
    /// The authorization could not be ended at Salesforce, so nothing was forgotten.
    #[error(
        "not removed, since it could not be revoked at Salesforce: {why}; try again, or forget it with --forget-anyway"
    )]
    NotRevoked {
        /// Why.
        why: String,
    },
    /// Something else failed.
    #[error("{message}")]
    Failed {
        /// What.
        message: String,
    },
}

impl Refusal {
    /// Whether the same may work a little later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable { .. } | Self::RateLimited)
    }
}

fn listed(faults: &[InputFault]) -> String {
    let faults: Vec<_> = faults.iter().map(InputFault::to_string).collect();
    faults.join("; ")
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::InUse(_) => Self::Unavailable { message: error.to_string() },
            StoreError::Corrupt(..) => Self::Record { message: error.to_string() },
            StoreError::Refused(_) => Self::Failed { message: error.to_string() },
        }
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::NotConnected => Self::NotConnected,
            TokenError::Reauthorize(cause) | TokenError::Misconfigured { cause, .. } => Self::Refused(cause),
            TokenError::Unavailable { reason, .. } => match reason {
                Unavailable::Busy => Self::Busy,
                Unavailable::RateLimited => Self::RateLimited,
                Unavailable::NoHub => Self::NoGrantKeys,
                Unavailable::Record => Self::Record { message: reason.to_string() },
                Unavailable::App | Unavailable::Cap => Self::Unavailable { message: reason.to_string() },
                Unavailable::Store | Unavailable::RolledBack | Unavailable::TokenEndpoint => {
                    Self::Unavailable { message: reason.to_string() }
                }
            },
        }
    }
}
