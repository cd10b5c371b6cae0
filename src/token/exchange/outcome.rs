//! What came of sending an exchange, and what has to be waited for.

use std::time::Duration;

use super::super::{GrantSecret, TokenError, Unavailable};
use crate::connection::{Cause, ConnectionKey, Status};
use crate::oauth::{ExchangeError, TokenResponse, signature_fits};
use crate::salesforce::hosts::{InstanceUrl, TrustedHosts};
use crate::salesforce::identity::Id;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::store::Head;

/// What came of one exchange, by what it means for the refresh token.
pub(super) enum Sent {
    /// New tokens.
    Tokens(Box<TokenResponse>),
    /// No tokens, and the refresh token is unspent.
    Unspent(Waiting),
    /// A definite refusal.
    Refused(Cause),
    /// Nobody can tell.
    Unknown(String),
}

impl From<Result<TokenResponse, ExchangeError>> for Sent {
    fn from(answer: Result<TokenResponse, ExchangeError>) -> Self {
        match answer {
            Ok(response) => Self::Tokens(Box::new(response)),
            Err(ExchangeError::NotSent(_)) => Self::Unspent(Waiting::TokenEndpoint),
            Err(ExchangeError::Lost(reason)) => Self::Unknown(reason),
            Err(ExchangeError::Answered(failure)) => match failure {
                TokenFailure::Transient => Self::Unspent(Waiting::TokenEndpoint),
                TokenFailure::InProgress => Self::Unspent(Waiting::Lease),
                TokenFailure::RateLimited => Self::Unspent(Waiting::RateLimit),
                TokenFailure::Refused(cause) => Self::Refused(cause),
                TokenFailure::Unknown => Self::Unknown("an answer that tells nothing".to_owned()),
            },
        }
    }
}

impl Sent {
    /// The `result` label of the exchange.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Tokens(_) => "ok",
            Self::Unspent(Waiting::Lease) => "in_progress",
            Self::Unspent(Waiting::RateLimit) => "rate_limited",
            Self::Unspent(_) => "transient",
            Self::Refused(_) => "refused",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What an exchange waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Waiting {
    /// Somebody else is at work on the connection.
    Lease,
    /// The token endpoint is in trouble.
    TokenEndpoint,
    /// Too few replicas have the intent, or the store was away a moment ago.
    Store,
    /// The store is to take a new token.
    Stored,
    /// Others were asked whether they know a successor of what is stored.
    Successors,
    /// The store went back to an older state.
    RolledBack,
    /// An earlier exchange has no known outcome yet.
    Outcome,
    /// Too many logins.
    RateLimit,
    /// As many exchanges are in flight as may be.
    Turn,
}

impl Waiting {
    /// Every kind, for metrics.
    pub(super) const ALL: [Self; 9] = [
        Self::Lease,
        Self::TokenEndpoint,
        Self::Store,
        Self::Stored,
        Self::Successors,
        Self::RolledBack,
        Self::Outcome,
        Self::RateLimit,
        Self::Turn,
    ];

    /// The word in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::TokenEndpoint => "token_endpoint",
            Self::Store => "store",
            Self::Stored => "stored",
            Self::Successors => "successors",
            Self::RolledBack => "rolled_back",
            Self::Outcome => "outcome",
            Self::RateLimit => "rate_limit",
            Self::Turn => "turn",
        }
    }

    /// Whether what is waited for must come, however long it takes.
    pub(super) fn is_owed(self) -> bool {
        matches!(self, Self::Stored | Self::Successors)
    }

    /// How long to wait before the next pass, given the last pause.
    pub(super) fn pause(self, last: Duration) -> Duration {
        match self {
            Self::Lease | Self::Turn => (last * 2).min(Duration::from_millis(500)),
            Self::TokenEndpoint | Self::Store => (last * 2).clamp(Duration::from_millis(250), Duration::from_secs(4)),
            Self::Stored => (last * 2).min(Duration::from_secs(2)),
            Self::Successors | Self::Outcome | Self::RolledBack => Duration::from_secs(2),
            // Longer than any caller waits: it is told at once.
            Self::RateLimit => Duration::from_secs(300),
        }
    }

    /// What a caller is told when it has been waited for long enough.
    pub(super) fn error(self) -> TokenError {
        let (reason, seconds) = match self {
            Self::Lease | Self::Turn => (Unavailable::Busy, 1),
            Self::TokenEndpoint => (Unavailable::TokenEndpoint, 5),
            Self::Store | Self::Stored => (Unavailable::Store, 5),
            Self::Outcome | Self::Successors => (Unavailable::Busy, 15),
            Self::RolledBack => (Unavailable::RolledBack, 15),
            Self::RateLimit => (Unavailable::RateLimited, 300),
        };
        TokenError::Unavailable { reason, retry_after: Duration::from_secs(seconds) }
    }
}

/// Says what an exchange that brought tokens changed, for people; nothing if all is as it was.
pub(super) fn note_change(key: &ConnectionKey, before: &Head, after: &Head) {
    let status = after.status;
    match after.cause {
        Some(Cause::FreshTokenRefused) => {}
        Some(cause) => tracing::error!(connection = %key, %status, %cause, "the new token is kept and not used"),
        None if before.status != Status::Active => {
            tracing::info!(connection = %key, %status, "the connection works again");
        }
        None => {}
    }
}

/// Why a token response does not belong to its connection, if it does not.
pub(super) fn mismatch(
    response: &TokenResponse,
    grant: &GrantSecret,
    client_secret: Option<&Secret<String>>,
    trusted: &TrustedHosts,
) -> Option<Cause> {
    if client_secret.is_some_and(|secret| !signature_fits(response, secret)) {
        return Some(Cause::SignatureWrong);
    }
    if InstanceUrl::parse(&response.instance_url, trusted).is_err() {
        return Some(Cause::HostNotAllowed);
    }
    let Some(identity) = &response.identity else { return Some(Cause::OrgMismatch) };
    let differs =
        |known: &Option<String>, now: &Id| known.as_deref().is_some_and(|id| Id::parse(id).as_ref() != Ok(now));
    (differs(&grant.org_id, &identity.org) || differs(&grant.user_id, &identity.user)).then_some(Cause::OrgMismatch)
}
