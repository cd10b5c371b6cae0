//! The same for HTTP/2, whose own rules leave less to doubt: framing is not the headers' business there, and what is
//! about one connection only is malformed.

use http::header::{CONTENT_LENGTH, HOST, ORIGIN};
use http::request::Parts;
use http::{Method, Version};

use super::{AllowedHosts, ListenerKind, local_host, other};
use crate::proxy::error::{HostFault, ProxyError, RequestFault, TagFault};
use crate::proxy::identify::TagNames;
use crate::proxy::target::TARGET;

/// Lets a request through that comes from a caller and has one meaning only.
pub fn guard_http2(
    parts: &Parts,
    listener: ListenerKind,
    allowed_hosts: &AllowedHosts,
    names: &TagNames,
) -> Result<(), ProxyError> {
    if parts.version != Version::HTTP_2 {
        return Err(RequestFault::Version.into());
    }
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(RequestFault::Method.into());
    }
    if !parts.uri.path().starts_with('/') {
        return Err(RequestFault::Target.into());
    }
    let authority = authority(parts)?;
    if listener == ListenerKind::Tcp && !local_host::is_local(authority, allowed_hosts) {
        return Err(HostFault::Host.into());
    }
    if parts.headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Err(RequestFault::Length.into());
    }
    for (name, value) in &parts.headers {
        match *name {
            ORIGIN => return Err(HostFault::Origin.into()),
            _ if *name == TARGET => return Err(TagFault::Target(name.clone()).into()),
            _ => other(name, value, names, &mut None)?,
        }
    }
    Ok(())
}

/// `:authority`, or what stands for it.
fn authority(parts: &Parts) -> Result<&[u8], RequestFault> {
    let mut hosts = parts.headers.get_all(HOST).iter().map(|host| host.as_bytes());
    let named = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    match (named, hosts.next(), hosts.next()) {
        (Some(named), None, None) => Ok(named),
        (Some(named), Some(host), None) if host == named => Ok(named),
        (None, Some(host), None) => Ok(host),
        _ => Err(RequestFault::Authority),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn guarded(target: &str, headers: &[(&str, &str)]) -> Result<(), ProxyError> {
        let mut request = Request::post(target).version(Version::HTTP_2);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        guard_http2(&parts, ListenerKind::Tcp, &AllowedHosts::default(), &TagNames::default())
    }

    #[test]
    fn only_callers_on_this_machine_are_let_through() {
        const PATH: &str = "http://127.0.0.1:8180/eventbus.v1.PubSub/Publish";
        assert_eq!(guarded(PATH, &[("orgpass-tenant", "acme"), ("accesstoken", "x")]), Ok(()));
        assert_eq!(guarded(PATH, &[("host", "127.0.0.1:8180")]), Ok(()));
        assert_eq!(guarded("/eventbus.v1.PubSub/Publish", &[("host", "localhost")]), Ok(()));
        for (target, headers, refused) in [
            ("http://evil.example/x", &[][..], HostFault::Host.into()),
            ("http://x@localhost/x", &[], HostFault::Host.into()),
            (PATH, &[("origin", "http://localhost")], HostFault::Origin.into()),
            (PATH, &[("sec-fetch-site", "cross-site")], HostFault::CrossSite.into()),
            (PATH, &[("host", "localhost")], RequestFault::Authority.into()),
            (PATH, &[("host", "127.0.0.1:8180"), ("host", "127.0.0.1:8180")], RequestFault::Authority.into()),
            ("/x", &[], RequestFault::Authority.into()),
            (PATH, &[("orgpass_tenant", "acme")], RequestFault::Underscore.into()),
            (PATH, &[("content-length", "1"), ("content-length", "2")], RequestFault::Length.into()),
        ] {
            let refused: ProxyError = refused;
            assert_eq!(guarded(target, headers), Err(refused), "{target} {headers:?}");
        }
        let misspelt = guarded(PATH, &[("orgpass-usr", "acme")]);
        assert!(matches!(misspelt, Err(ProxyError::InvalidTag(_))));
    }
}
