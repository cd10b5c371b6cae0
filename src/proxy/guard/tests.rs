use http::Request;
use http::uri::PathAndQuery;
use proptest::prelude::*;

use super::*;
use crate::proxy::error::TagFault;

fn request(lines: &[(&str, &str)]) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = PathAndQuery::from_static("/services/data").into();
    for (name, value) in lines {
        parts.headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    parts
}

fn on(listener: ListenerKind, parts: &Parts) -> Result<(), ProxyError> {
    let allowed = AllowedHosts::new(vec!["Orgpass.Internal".parse().unwrap()]);
    guard(parts, listener, &allowed, &TagNames::default()).map(drop)
}

fn verdict(lines: &[(&str, &str)]) -> Result<(), ProxyError> {
    let mut all = vec![("Host", "localhost:8180")];
    all.extend(lines);
    on(ListenerKind::Tcp, &request(&all))
}

#[test]
fn only_names_of_this_machine_are_hosts_here() {
    for host in [
        "localhost",
        "LOCALHOST:8180",
        "localhost:1",
        "127.0.0.1",
        "127.0.0.1:8180",
        "127.8.9.10:80",
        "[::1]",
        "[::1]:8180",
        "[0:0:0:0:0:0:0:1]",
        "orgpass.internal",
        "ORGPASS.internal:8180",
    ] {
        assert_eq!(on(ListenerKind::Tcp, &request(&[("Host", host)])), Ok(()), "{host}");
    }
    for host in [
        "",
        "evil.example",
        "evil.example:8180",
        "localhost.evil.example",
        "localhost.",
        "localhost:",
        "localhost:x",
        "localhost:+1",
        "localhost:99999",
        "localhost:80:80",
        "127.0.0.1.evil.example",
        "127.1",
        "2130706433",
        "0.0.0.0",
        "128.0.0.1",
        "10.0.0.1",
        "[::]",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[::ffff:127.0.0.1]",
        "::1",
        "user@localhost",
        "localhost/",
        "localhost, localhost",
        " localhost",
        "x.orgpass.internal",
    ] {
        let refused = on(ListenerKind::Tcp, &request(&[("Host", host)]));
        assert_eq!(refused, Err(HostFault::Host.into()), "{host}");
        assert_eq!(on(ListenerKind::Unix, &request(&[("Host", host)])), Ok(()), "{host} on a Unix socket");
    }
    for listener in [ListenerKind::Tcp, ListenerKind::Unix] {
        for lines in [vec![], vec![("Host", "localhost"), ("Host", "localhost")]] {
            assert_eq!(on(listener, &request(&lines)), Err(RequestFault::HostHeader.into()), "{lines:?}");
        }
    }
}

#[test]
fn web_pages_may_not_call() {
    for (lines, expected) in [
        (vec![("Origin", "https://evil.example")], Err(HostFault::Origin)),
        (vec![("Origin", "null")], Err(HostFault::Origin)),
        (vec![("Origin", "http://localhost:8180")], Err(HostFault::Origin)),
        (vec![("Sec-Fetch-Site", "cross-site")], Err(HostFault::CrossSite)),
        (vec![("Sec-Fetch-Site", "same-site")], Err(HostFault::CrossSite)),
        (vec![("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")], Err(HostFault::CrossSite)),
        (vec![("Sec-Fetch-Site", "none")], Ok(())),
        (vec![("Sec-Fetch-Site", "same-origin")], Ok(())),
        (vec![("Sec-Fetch-Mode", "cors")], Ok(())),
    ] {
        assert_eq!(verdict(&lines), expected.map_err(ProxyError::from), "{lines:?}");
    }
}

#[test]
fn only_a_path_over_http_1_1_is_asked_for() {
    for (change, expected) in [
        ((|parts| parts.version = Version::HTTP_10) as fn(&mut Parts), RequestFault::Version),
        (|parts| parts.version = Version::HTTP_2, RequestFault::Version),
        (|parts| parts.method = Method::CONNECT, RequestFault::Method),
        (|parts| parts.method = Method::TRACE, RequestFault::Method),
        (|parts| parts.uri = "https://acme.my.salesforce.com/services/data".parse().unwrap(), RequestFault::Target),
        (|parts| parts.uri = "http://localhost/services/data".parse().unwrap(), RequestFault::Target),
        (|parts| parts.uri = "acme.my.salesforce.com:443".parse().unwrap(), RequestFault::Target),
        (|parts| parts.uri = "*".parse().unwrap(), RequestFault::Target),
    ] {
        let mut parts = request(&[("Host", "localhost")]);
        change(&mut parts);
        assert_eq!(on(ListenerKind::Unix, &parts), Err(expected.into()));
    }
}

#[test]
fn framing_that_could_be_read_in_two_ways_is_refused() {
    for (lines, expected) in [
        (vec![("Content-Length", "3")], Ok(())),
        (vec![("Transfer-Encoding", "Chunked")], Ok(())),
        (vec![("Expect", "100-Continue")], Ok(())),
        (vec![("Content-Length", "3"), ("Content-Length", "3")], Err(RequestFault::Length)),
        (vec![("Content-Length", "3, 3")], Err(RequestFault::Length)),
        (vec![("Content-Length", "+3")], Err(RequestFault::Length)),
        (vec![("Content-Length", "")], Err(RequestFault::Length)),
        (vec![("Content-Length", "0x3")], Err(RequestFault::Length)),
        (vec![("Content-Length", "3"), ("Transfer-Encoding", "chunked")], Err(RequestFault::LengthAndEncoding)),
        (vec![("Transfer-Encoding", "chunked"), ("Content-Length", "3")], Err(RequestFault::LengthAndEncoding)),
        (vec![("Transfer-Encoding", "gzip, chunked")], Err(RequestFault::Encoding)),
        (vec![("Transfer-Encoding", "identity")], Err(RequestFault::Encoding)),
        (vec![("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], Err(RequestFault::Encoding)),
        (vec![("Expect", "x")], Err(RequestFault::Expect)),
        (vec![("Expect", "100-continue"), ("Expect", "x")], Err(RequestFault::Expect)),
        (vec![("Connection", "Upgrade"), ("Upgrade", "websocket")], Err(RequestFault::Upgrade)),
        (vec![("Upgrade", "h2c, websocket")], Err(RequestFault::Upgrade)),
        (vec![("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "x")], Ok(())),
    ] {
        assert_eq!(verdict(&lines), expected.map_err(ProxyError::from), "{lines:?}");
    }
}

#[test]
fn connection_may_name_only_what_nobody_relies_on() {
    for value in ["close", "Keep-Alive", "keep-alive, TE", "x-hop", "\u{e9}", "Proxy-Connection", "", "close, ,"] {
        assert_eq!(verdict(&[("Connection", value)]), Ok(()), "{value}");
    }
    for value in [
        "Host",
        "close, Orgpass-User",
        "ORGPASS-TENANT",
        "orgpass_user",
        "Authorization",
        "Content-Length",
        "transfer-encoding",
        "content-type",
        "keep-alive,Cookie",
        "X-SFDC-Session",
        "x-forwarded-for",
        "Connection",
        "if-match",
        "Proxy-Authorization",
    ] {
        assert_eq!(verdict(&[("Connection", value)]), Err(RequestFault::Connection.into()), "{value}");
    }
    assert!(verdict(&[("Connection", "close"), ("Connection", "orgpass-user")]).is_err());
}

#[test]
fn twins_with_underscores_and_misspelt_tags_are_refused() {
    for name in [
        "Orgpass_Tenant",
        "orgpass-tenant_",
        "orgpass_anything",
        "X_SFDC_Session",
        "X-SFDC_Session",
        "Content_Length",
        "transfer_encoding",
        "x_forwarded_for",
        "proxy_authorization",
        "content_type",
        "x_real_ip",
    ] {
        assert_eq!(verdict(&[(name, "x")]), Err(RequestFault::Underscore.into()), "{name}");
    }
    for name in ["orgpass-tennant", "orgpass-usr", "orgpass-error"] {
        let fault = TagFault::NotATag(HeaderName::from_static(name));
        assert_eq!(verdict(&[(name, "x")]), Err(fault.into()), "{name}");
    }
    for name in ["orgpass-tenant", "Orgpass-User", "orgpass-credential", "x_custom", "Authorization", "Cookie"] {
        assert_eq!(verdict(&[(name, "x")]), Ok(()), "{name}");
    }
}

#[test]
fn configured_tag_names_are_guarded_like_the_default_ones() {
    let header = HeaderName::from_static;
    let names = TagNames { tenant: header("x-tenant"), user: header("x-user"), credential: header("x-kind") };
    let judged =
        |lines: &[(&str, &str)]| guard(&request(lines), ListenerKind::Unix, &AllowedHosts::default(), &names).map(drop);
    assert_eq!(judged(&[("Host", "x"), ("X_Tenant", "acme")]), Err(RequestFault::Underscore.into()));
    assert_eq!(judged(&[("Host", "x"), ("Connection", "x-user")]), Err(RequestFault::Connection.into()));
    assert_eq!(judged(&[("Host", "x"), ("X-Tenant", "acme")]), Ok(()));
    let not_a_tag = TagFault::NotATag(header("orgpass-tenant"));
    assert_eq!(judged(&[("Host", "x"), ("Orgpass-Tenant", "acme")]), Err(not_a_tag.into()));
}

#[test]
fn the_target_is_named_once_and_by_one_of_its_words() {
    let named = |lines: &[(&str, &str)]| {
        let mut all = vec![("Host", "localhost")];
        all.extend(lines);
        guard(&request(&all), ListenerKind::Tcp, &AllowedHosts::default(), &TagNames::default())
    };
    assert_eq!(named(&[]), Ok(None));
    for target in Target::ALL {
        assert_eq!(named(&[("Orgpass-Target", target.as_str())]), Ok(Some(target)));
    }
    let fault: ProxyError = TagFault::Target(HeaderName::from_static("orgpass-target")).into();
    for lines in [
        &[("orgpass-target", "")][..],
        &[("orgpass-target", "org")],
        &[("orgpass-target", "Platform")],
        &[("orgpass-target", "platform, login")],
        &[("orgpass-target", "platform"), ("Orgpass-Target", "platform")],
    ] {
        assert_eq!(named(lines), Err(fault.clone()), "{lines:?}");
    }
    for word in ["data-cloud", "account-engagement", "platform", "login"] {
        assert!(fault.text().contains(word));
    }
    assert_eq!(named(&[("orgpass_target", "login")]), Err(RequestFault::Underscore.into()));
    assert_eq!(named(&[("Connection", "orgpass-target")]), Err(RequestFault::Connection.into()));
}

#[test]
fn an_allowed_host_is_a_name_only() {
    for text in ["", "http://x", "x:80", "x/y", "a b", "*"] {
        assert_eq!(text.parse::<AllowedHost>(), Err(NotAHost), "{text}");
    }
}

proptest! {
    #[test]
    fn any_headers_are_judged_without_panic(
        host in "[a-z0-9.:\\[\\]@]{0,24}",
        lines in proptest::collection::vec(("[a-zA-Z_-]{1,70}", "[ -~]{0,80}"), 0..8),
        connection in "[ -~]{0,80}",
    ) {
        let mut all = vec![("Host", host.as_str()), ("Connection", connection.as_str())];
        all.extend(lines.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let _ = on(ListenerKind::Tcp, &request(&all));
    }

    #[test]
    fn an_accepted_host_is_this_machine_to_a_url_library_too(
        host in prop_oneof!["[a-z0-9.:\\[\\]@]{0,24}", "(localhost|127\\.[0-9.]{1,9}|\\[::1\\])[:.@0-9a-z]{0,6}"],
    ) {
        if local_host::is_local(host.as_bytes(), &AllowedHosts::default()) {
            let url = url::Url::parse(&format!("http://{host}/")).unwrap();
            let is_loopback = match url.host().unwrap() {
                url::Host::Domain(name) => name == "localhost",
                url::Host::Ipv4(address) => address.is_loopback(),
                url::Host::Ipv6(address) => address.is_loopback(),
            };
            prop_assert!(is_loopback, "{}", host);
        }
    }
}
