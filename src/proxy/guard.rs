//! Refuses, before anything else looks at a request: hosts that are not this machine (DNS rebinding), web pages, other
//! forms than a path over HTTP/1.1, framing that two readers could read in two ways, and spellings of reserved headers
//! that another server would take for the real ones.

use std::str::FromStr;

use http::request::Parts;

use super::error::ProxyError;
use super::identify::TagNames;

/// How the connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// A TCP port, which browsers reach too.
    Tcp,
    /// A Unix socket, which only its file's permissions open.
    Unix,
}

/// A host name of `proxy.allowed_hosts`, without port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost(Box<str>);

/// Names beside localhost under which callers may call the proxy.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

impl AllowedHosts {
    /// Allows these names, on any port.
    pub fn new(hosts: Vec<AllowedHost>) -> Self {
        Self(hosts)
    }
}

/// Why a text is not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a host name without scheme or port, such as orgpass.internal")]
pub struct NotAHost;

impl FromStr for AllowedHost {
    type Err = NotAHost;

    fn from_str(_text: &str) -> Result<Self, NotAHost> {
        unimplemented!()
    }
}

/// Lets a request through that comes from a caller and has one meaning only.
pub fn guard(
    _parts: &Parts,
    _listener: ListenerKind,
    _allowed_hosts: &AllowedHosts,
    _names: &TagNames,
) -> Result<(), ProxyError> {
    unimplemented!()
}
