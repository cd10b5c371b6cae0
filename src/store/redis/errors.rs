//! What a failure of Redis means. The server's own words are passed on only where they cannot repeat what was sent:
//! answers to unknown commands, for one, quote their arguments, and so would quote a password.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::store::StoreError;

/// Codes by which Redis says that it cannot now, rather than that it will not.
const FOR_NOW: [&str; 6] = ["OOM", "MISCONF", "BUSY", "NOREPLICAS", "UNBLOCKED", "NOGOODSLAVE"];

/// The error for callers.
pub(super) fn explain(error: &RedisError) -> StoreError {
    match error.kind() {
        ErrorKind::Io if error.is_timeout() => StoreError::Unavailable("Redis does not answer in time".to_owned()),
        ErrorKind::Io => StoreError::Unavailable(format!("Redis cannot be reached: {error}")),
        ErrorKind::AuthenticationFailed => wrong_password(),
        ErrorKind::RESP3NotSupported => too_old("before 6"),
        ErrorKind::InvalidClientConfig => {
            StoreError::Refused(format!("store.url cannot be used: {}", error.category()))
        }
        ErrorKind::Server(ServerErrorKind::NoPerm) => StoreError::Refused(format!(
            "the Redis user lacks a right ({}); the documentation of the store lists the rules it needs",
            error.detail().unwrap_or("NOPERM")
        )),
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown,
        ) => for_now(error),
        _ if matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) => wrong_password(),
        _ if error.code().is_some_and(|code| FOR_NOW.contains(&code)) => for_now(error),
        _ if has_no_connection_left(error) => {
            StoreError::Unavailable("Redis has no connection left; raise its maxclients".to_owned())
        }
        _ => StoreError::Refused(format!("Redis answers {}", error.code().unwrap_or(error.category()))),
    }
}

/// Whether a new connection may cure the error where the old one never would: it was set up with a password that was
/// wrong then, it leads to a server that is primary no more, or nothing comes back through it.
pub(super) fn wants_new_connection(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io => error.is_timeout(),
        ErrorKind::AuthenticationFailed | ErrorKind::RESP3NotSupported => true,
        ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => {
            true
        }
        _ => matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) || has_no_connection_left(error),
    }
}

/// Whether the server that answers next may be another than the one before, or the same after a start.
pub(super) fn is_lost(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::ClusterConnectionNotFound) || wants_new_connection(error)
}

/// The error for a server that lacks what this program needs.
pub(super) fn too_old(version: &str) -> StoreError {
    StoreError::Refused(format!("Redis is version {version}, and 7 or newer is needed; upgrade it"))
}

fn has_no_connection_left(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.starts_with("max number of clients"))
}

fn wrong_password() -> StoreError {
    StoreError::Refused(
        "Redis does not accept the user or password; check the user in store.url and the file store.password_file"
            .to_owned(),
    )
}

fn for_now(error: &RedisError) -> StoreError {
    let what = match error.code() {
        Some("OOM") => "it is full; raise maxmemory",
        Some("MISCONF") => "it cannot write to its disk; free space there",
        Some("LOADING") => "it is still loading its data",
        Some("READONLY") => "this server is a replica; store.url must lead to the primary",
        _ => "it cannot serve now",
    };
    StoreError::Unavailable(format!("Redis answers {}: {what}", error.code().unwrap_or("an error")))
}
