//! What a record that was read allows: whether anything is done for it, whether its session may be used, whether an
//! earlier exchange may still be under way.

use std::time::Duration;

use super::LEASE;
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
