//! Whether a `Host` header names this machine. A page of a foreign name that resolves to 127.0.0.1 (DNS rebinding) still
//! sends its own name here.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A host name of `proxy.allowed_hosts`, without port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost(Box<str>);

/// Names beside localhost under which callers may call the proxy, on any port.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

/// Why a text is not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a host name without scheme or port, such as orgpass.internal")]
pub struct NotAHost;

impl AllowedHosts {
    /// Allows these names.
    pub fn new(hosts: Vec<AllowedHost>) -> Self {
        Self(hosts)
    }
}

impl FromStr for AllowedHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        let is_name = (1..=253).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        is_name.then(|| Self(text.to_ascii_lowercase().into())).ok_or(NotAHost)
    }
}

/// Whether the value names localhost, an address of 127.0.0.0/8, [::1] or an allowed host, with or without a port.
pub(super) fn is_local(value: &[u8], allowed: &AllowedHosts) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    if let Some(rest) = value.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        return address.parse() == Ok(Ipv6Addr::LOCALHOST) && (port.is_empty() || is_port(port.strip_prefix(':')));
    }
    let (host, port) = match value.split_once(':') {
        Some((host, port)) => (host, is_port(Some(port))),
        None => (value, true),
    };
    // The names that callers nearly always use come first.
    port && (host == "127.0.0.1"
        || host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        || allowed.0.iter().any(|known| known.0.eq_ignore_ascii_case(host)))
}

fn is_port(text: Option<&str>) -> bool {
    text.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok())
}
