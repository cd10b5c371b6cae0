//! What a failure of Redis means. The server's own words are passed on only where they cannot repeat what was sent:
//! answers to unknown commands, for one, quote their arguments, and so would quote a password.

use redis::{Arg, Cmd, ErrorKind, RedisError, ServerErrorKind};

use super::connect::Address;
use crate::store::StoreError;

/// Why a command came to nothing.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The library or the server says.
    Redis(RedisError),
    /// The server has this version.
    TooOld(String),
    /// The Sentinels know no master by this name.
    NoMaster(String),
    /// The Sentinels want another password, or one at all.
    SentinelPassword,
    /// What was asked for the master does not know what a Sentinel is.
    NotSentinel,
    /// The server that the Sentinels name is a replica now.
    NotMaster,
    /// No node of the Cluster has the slot, as far as any tells.
    SlotUnserved,
    /// The task that was to connect has ended before it did.
    CutShort,
}

/// Where a node of a Cluster sends a command on to.
pub(super) enum Redirect {
    /// The slot is another node's.
    Moved(Address),
    /// The slot is being moved, and this key has gone ahead.
    Ask(Address),
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl Failure {
    /// The error for callers, which names the right that a command needs if that is missing.
    pub(super) fn of(self, command: &Cmd) -> StoreError {
        match &self {
            Self::Redis(error) if lacks_right(error) => {
                let words = command.args_iter().filter_map(|word| match word {
                    Arg::Simple(word) => std::str::from_utf8(word).ok(),
                    _ => None,
                });
                let mut words = words.peekable();
                let name = words.peek().copied().unwrap_or_default().to_owned();
                // The kinds of keys and the channels, without what names a tenant.
                let mut kinds: Vec<String> = Vec::new();
                for word in words.filter(|word| word.starts_with("orgpass:")) {
                    let mut parts = word.splitn(3, ':').skip(1);
                    let kind = parts.next().unwrap_or_default();
                    let kind = format!("orgpass:{kind}{}", if parts.next().is_some() { ":*" } else { "" });
                    if !kinds.contains(&kind) {
                        kinds.push(kind);
                    }
                }
                missing_right(&format!("the right to {name} on {}", kinds.join(", ")))
            }
            _ => self.into(),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Redis(error) => explain(&error),
            Failure::TooOld(version) => too_old(&version),
            Failure::NoMaster(name) => Self::Unavailable(format!(
                "no Sentinel knows a master named {name}; check store.url, which ends with the name"
            )),
            Failure::NotSentinel => Self::Refused(
                "a server of store.url is no Sentinel; redis-sentinel:// takes the addresses of Sentinels".to_owned(),
            ),
            Failure::SentinelPassword => Self::Refused(
                "the Sentinels do not accept the password; check the file store.sentinel_password_file".to_owned(),
            ),
            Failure::NotMaster => {
                Self::Unavailable("the Sentinels name a server that is a replica; a fail-over is under way".to_owned())
            }
            Failure::SlotUnserved => {
                Self::Unavailable("the Redis Cluster is incomplete: a slot has no node; see CLUSTER INFO".to_owned())
            }
            Failure::CutShort => Self::Unavailable("connecting to Redis was cut short".to_owned()),
        }
    }
}

impl Failure {
    /// Where the command is to go instead. A node that is named without a host is at `asked`.
    pub(super) fn redirect(&self, asked: &str) -> Option<Redirect> {
        let Self::Redis(error) = self else { return None };
        let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
        let host = if host.is_empty() { asked } else { host };
        let node = Address { host: host.to_owned(), port: port.parse().ok()? };
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::Ask) => Some(Redirect::Ask(node)),
            _ => Some(Redirect::Moved(node)),
        }
    }

    /// Whether the node may have been replaced by another.
    pub(super) fn is_of_a_lost_node(&self) -> bool {
        matches!(self, Self::Redis(error) if is_lost(error))
    }

    /// Whether the connection broke, so that the command may have been carried out.
    pub(super) fn is_connection_dropped(&self) -> bool {
        matches!(self, Self::Redis(error) if error.is_io_error() && !error.is_timeout())
    }

    /// Whether the server was asked for a script that it has not seen.
    pub(super) fn is_unknown_script(&self) -> bool {
        matches!(self, Self::Redis(error) if is_unknown_script(error))
    }
}

/// Whether the server was asked for a script that it has not seen.
pub(super) fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

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
        _ if lacks_right(error) => missing_right("a right"),
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown,
        ) => for_now(error),
        _ if wants_password(error) => wrong_password(),
        _ if error.code().is_some_and(|code| FOR_NOW.contains(&code)) => for_now(error),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot) => {
            StoreError::Refused("Redis is a Cluster; store.url must begin with redis-cluster://".to_owned())
        }
        _ if says(error, "This instance has cluster support disabled") => {
            StoreError::Refused("Redis is no Cluster; store.url must begin with redis://".to_owned())
        }
        _ if has_no_connection_left(error) => {
            StoreError::Unavailable("Redis has no connection left; raise its maxclients".to_owned())
        }
        _ => StoreError::Refused(format!("Redis answers {}", error.code().unwrap_or(error.category()))),
    }
}

/// Whether a new connection may cure the error where the old one never would: it broke, it was set up with a password
/// that was wrong then, it leads to a server that is primary no more, or nothing comes back through it. The server that
/// answers next may be another one.
pub(super) fn is_lost(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io | ErrorKind::AuthenticationFailed | ErrorKind::RESP3NotSupported => true,
        ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => {
            true
        }
        _ => wants_password(error) || has_no_connection_left(error),
    }
}

/// The error for a server that lacks what this program needs.
fn too_old(version: &str) -> StoreError {
    StoreError::Refused(format!("Redis is version {version}, and 7 or newer is needed; upgrade it"))
}

/// Whether the server asks for a password, or for another.
pub(super) fn wants_password(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed || matches!(error.code(), Some("WRONGPASS" | "NOAUTH"))
}

fn lacks_right(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)
        // A script that may be run, and does what its user may not.
        || says(error, "The user executing the script can't")
        || says(error, "ACL failure in script")
}

fn missing_right(what: &str) -> StoreError {
    StoreError::Refused(format!("the Redis user lacks {what}; docs/configuration.md lists the rules it needs"))
}

fn has_no_connection_left(error: &RedisError) -> bool {
    says(error, "max number of clients")
}

fn says(error: &RedisError, beginning: &str) -> bool {
    error.detail().is_some_and(|detail| detail.starts_with(beginning))
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
