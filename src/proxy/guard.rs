//! Refuses, before anything else looks at a request: hosts that are not this machine (DNS rebinding), web pages, other
//! forms than a path over HTTP/1.1, framing that two readers could read in two ways, and spellings of headers that
//! another server would take for the real ones.

mod http2;
mod local_host;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod through_hyper;

use http::header::{self, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, ORIGIN, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

use super::error::{HostFault, ProxyError, RequestFault};
use super::identify::TagNames;
use super::sanitize::{is_reserved, spells};
use super::target;
use crate::salesforce::Target;

pub use http2::guard_http2;
pub use local_host::{AllowedHost, AllowedHosts, NotAHost};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Headers beside the reserved ones whose meaning nobody may change by naming them in `Connection` or by spelling them
/// with `_`.
const RELIED_UPON: [HeaderName; 13] = [
    HOST,
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    EXPECT,
    ORIGIN,
    SEC_FETCH_SITE,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
];

/// How the connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// A TCP port, which browsers reach too.
    Tcp,
    /// A Unix socket, which only its file's permissions open.
    Unix,
}

/// Lets a request through that comes from a caller and has one meaning only, and tells which host it names that it is for in
/// place of the org's own.
///
/// The HTTP parser has resolved some framing before: a `Content-Length` beside `Transfer-Encoding` is gone by now, the
/// body was read as chunked, and the connection ends after it.
pub fn guard(
    parts: &Parts,
    listener: ListenerKind,
    allowed_hosts: &AllowedHosts,
    names: &TagNames,
) -> Result<Option<Target>, ProxyError> {
    if parts.version != Version::HTTP_11 {
        return Err(RequestFault::Version.into());
    }
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(RequestFault::Method.into());
    }
    if parts.uri.scheme().is_some() || parts.uri.authority().is_some() || !parts.uri.path().starts_with('/') {
        return Err(RequestFault::Target.into());
    }
    let host = only_host(&parts.headers)?;
    if listener == ListenerKind::Tcp && !local_host::is_local(host.as_bytes(), allowed_hosts) {
        return Err(HostFault::Host.into());
    }
    let mut length_seen = false;
    let mut encoding_seen = false;
    let mut target = None;
    for (name, value) in &parts.headers {
        match *name {
            ORIGIN => return Err(HostFault::Origin.into()),
            CONTENT_LENGTH => {
                let plain = !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit);
                if length_seen || !plain {
                    return Err(RequestFault::Length.into());
                }
                length_seen = true;
            }
            TRANSFER_ENCODING => {
                if encoding_seen || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                    return Err(RequestFault::Encoding.into());
                }
                encoding_seen = true;
            }
            EXPECT if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
                return Err(RequestFault::Expect.into());
            }
            // Java's own client offers h2c with every request in the clear; such an offer may be ignored.
            UPGRADE if !value.as_bytes().eq_ignore_ascii_case(b"h2c") => return Err(RequestFault::Upgrade.into()),
            CONNECTION => connection(value, names)?,
            _ => other(name, value, names, &mut target)?,
        }
    }
    if length_seen && encoding_seen {
        return Err(RequestFault::LengthAndEncoding.into());
    }
    Ok(target)
}

fn only_host(headers: &HeaderMap) -> Result<&HeaderValue, RequestFault> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Ok(host),
        _ => Err(RequestFault::HostHeader),
    }
}

/// A header named in `Connection` is dropped on the way: a way to lose one that matters.
fn connection(value: &HeaderValue, names: &TagNames) -> Result<(), RequestFault> {
    let value = value.as_bytes();
    if value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close") {
        return Ok(());
    }
    let mut named = value.split(|byte| *byte == b',').map(|name| std::str::from_utf8(name.trim_ascii()));
    if named.any(|name| name.is_ok_and(|name| matters(&name.to_ascii_lowercase(), names))) {
        return Err(RequestFault::Connection);
    }
    Ok(())
}

fn other(
    name: &HeaderName,
    value: &HeaderValue,
    names: &TagNames,
    target: &mut Option<Target>,
) -> Result<(), ProxyError> {
    let text = name.as_str();
    if *name == SEC_FETCH_SITE && !matches!(value.as_bytes(), b"none" | b"same-origin") {
        return Err(HostFault::CrossSite.into());
    }
    if memchr::memchr(b'_', text.as_bytes()).is_some() && matters(text, names) {
        return Err(RequestFault::Underscore.into());
    }
    let is_tag = || [&names.tenant, &names.user, &names.credential].contains(&name);
    if text.starts_with("orgpass-") && !is_tag() {
        target::note(name, value, target)?;
    }
    Ok(())
}

fn matters(name: &str, names: &TagNames) -> bool {
    let tags = [&names.tenant, &names.user, &names.credential];
    // `Proxy-Connection` is an old word for `Connection` and may be named.
    (is_reserved(name) && !spells(name, "proxy-connection"))
        || tags.into_iter().chain(&RELIED_UPON).any(|known| spells(name, known.as_str()))
}

impl From<RequestFault> for ProxyError {
    fn from(fault: RequestFault) -> Self {
        Self::InvalidRequest(fault)
    }
}

impl From<HostFault> for ProxyError {
    fn from(fault: HostFault) -> Self {
        Self::HostRefused(fault)
    }
}
