//! What a record that was read allows: whether anything is done for it, whether its session may be used, whether an
//! earlier exchange may still be under way.

use std::time::Duration;

use super::outcome::Waiting;
use super::{LEASE, Want};
use crate::connection::{Cause, ConnectionKey, Status};
use crate::store::{Head, Intent, Record, StoreError};
use crate::token::{RecordError, TokenError, Unavailable};

/// The states in which nothing is forwarded and nothing exchanged.
pub(super) fn refuse_if_ended(head: &Head) -> Result<(), TokenError> {
    match head.status {
        Status::Pending | Status::Disconnected => Err(TokenError::NotConnected),
        Status::Reauthorize => Err(TokenError::Reauthorize(head.cause.unwrap_or(Cause::Revoked))),
        Status::Active | Status::Checking | Status::Misconfigured => Ok(()),
    }
}

/// What a record says already to a process that would have to ask a hub for what it wants; `None` if it should ask.
pub(super) fn decided(head: &Head, want: Want) -> Option<TokenError> {
    match (head.status, head.cause) {
        // Only a token that was refused when it was new may be cured by the next; the rest the hub tries by itself.
        (Status::Misconfigured, Some(cause)) if cause != Cause::FreshTokenRefused => Some(TokenError::of(cause)),
        // The token that works may be the last.
        (Status::Checking, _) if matches!(want, Want::Ahead(_)) => Some(Waiting::Outcome.error()),
        _ => None,
    }
}

/// Whether the stored session may be used: not if its token response did not belong to the connection.
pub(super) fn may_be_served(head: &Head) -> bool {
    !matches!(head.cause, Some(Cause::OrgMismatch | Cause::HostNotAllowed | Cause::SignatureWrong))
}

/// Whether an intent that was found open is so old that its exchange cannot be under way any more: it took the lease
/// before, and an exchange takes less than a lease.
pub(super) fn settled(record: &Record, intent: &Intent) -> bool {
    Duration::from_millis(record.now.millis_since(intent.at)) >= LEASE
}

pub(super) fn unreadable(error: StoreError) -> TokenError {
    tracing::warn!(%error, "the store failed");
    match error {
        StoreError::Corrupt(..) => TokenError::unavailable(Unavailable::Record),
        _ => TokenError::unavailable(Unavailable::Store),
    }
}

pub(super) fn unopened(key: &ConnectionKey, error: RecordError) -> TokenError {
    tracing::error!(connection = %key, %error, "a stored record cannot be used");
    TokenError::unavailable(Unavailable::Record)
}
