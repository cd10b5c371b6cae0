use proptest::prelude::*;

use super::*;
use crate::salesforce::{InstanceUrl, TrustedHosts};

const TOKEN: &[u8] = b"00Dxx0000001gPL!AQcAQexample.token_with.some_length";

fn own() -> InstanceUrl {
    InstanceUrl::parse("https://acme.my.salesforce.com", &TrustedHosts::default()).unwrap()
}

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    headers.keys().map(HeaderName::as_str).collect()
}

#[test]
fn credentials_tags_and_hop_by_hop_headers_do_not_reach_the_org() {
    for name in [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Cookie2",
        "X-SFDC-Session",
        "X-SFDC-SESSION",
        "accesstoken",
        "instanceurl",
        "tenantid",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "Via",
        "X-Real-IP",
        "Orgpass-Tenant",
        "Orgpass-User",
        "Orgpass-Credential",
        "Orgpass-Anything",
        "orgpass_tenant",
        "X_SFDC_Session",
        "x_forwarded_for",
        "Proxy-Connection",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Expect",
        "HTTP2-Settings",
        "proxy_authorization",
    ] {
        let mut headers = map(&[("Accept", "*/*"), (name, "x"), (name, "y"), ("X-PrettyPrint", "1")]);
        request(&mut headers);
        assert_eq!(names(&headers), ["accept", "x-prettyprint"], "{name}");
    }
}

#[test]
fn what_salesforce_reads_goes_on_unchanged() {
    let lines = [
        ("host", "localhost"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip"),
        ("content-type", "text/csv"),
        ("content-length", "3"),
        ("content-encoding", "gzip"),
        ("user-agent", "x"),
        ("if-match", "\"e\""),
        ("if-none-match", "\"e\""),
        ("if-modified-since", "x"),
        ("if-unmodified-since", "x"),
        ("x-prettyprint", "1"),
        ("sforce-auto-assign", "FALSE"),
        ("sforce-call-options", "client=x"),
        ("sforce-query-options", "batchSize=200"),
        ("sforce-limit-info", "api-usage"),
        ("sforce-duplicate-rule-header", "allowSave=true"),
        ("sforce-mru", "x"),
        ("sforce-enable-pkchunking", "true"),
        ("x-sfdc-packageversion-ns", "1.0"),
        ("soapaction", "\"\""),
        ("sforce-locator", "x"),
        ("x-custom_name", "x"),
        ("x-request-id", "x"),
    ];
    let mut headers = map(&lines);
    let before = headers.clone();
    request(&mut headers);
    assert_eq!(headers, before);
    response(&mut headers, &own());
    assert_eq!(headers, before);
}

#[test]
fn what_connection_names_ends_here() {
    for value in ["X-Hop", "keep-alive, x-hop", "close,X-HOP , other", " x-hop"] {
        let mut headers = map(&[("Connection", value), ("X-Hop", "1"), ("X-Stays", "1")]);
        request(&mut headers);
        assert_eq!(names(&headers), ["x-stays"], "{value}");
    }
    let mut headers = map(&[("Connection", "a"), ("Connection", "b"), ("A", "1"), ("B", "1")]);
    response(&mut headers, &own());
    assert!(headers.is_empty());
}

#[test]
fn nothing_of_the_orgs_host_reaches_the_caller() {
    for name in [
        "Set-Cookie",
        "Set-Cookie2",
        "Strict-Transport-Security",
        "Public-Key-Pins",
        "Public-Key-Pins-Report-Only",
        "Alt-Svc",
        "Orgpass-Error",
        "orgpass_error",
        "Connection",
        "Keep-Alive",
        "Transfer-Encoding",
        "Proxy-Authenticate",
        "Trailer",
        "Upgrade",
    ] {
        let mut headers = map(&[(name, "x"), (name, "y"), ("Sforce-Limit-Info", "api-usage=1/2")]);
        response(&mut headers, &own());
        assert_eq!(names(&headers), ["sforce-limit-info"], "{name}");
    }
}

#[test]
fn more_headers_than_one_round_removes_all_end_here() {
    let mut headers = HeaderMap::new();
    for number in 0..40 {
        let name = HeaderName::from_bytes(format!("orgpass-{number}").as_bytes()).unwrap();
        headers.insert(name, HeaderValue::from_static("x"));
    }
    request(&mut headers);
    assert!(headers.is_empty());
}

#[test]
fn a_location_of_the_own_org_becomes_a_path() {
    for (location, seen) in [
        ("https://acme.my.salesforce.com/services/data/v67.0/jobs/1", "/services/data/v67.0/jobs/1"),
        ("HTTPS://Acme.My.Salesforce.com:443/x?y#z", "/x?y#z"),
        ("https://acme.my.salesforce.com", "/"),
        ("https://acme.my.salesforce.com?x", "/?x"),
        ("//acme.my.salesforce.com/x", "/x"),
        ("https://acme.my.salesforce.com//evil.example/x", "/evil.example/x"),
        ("https://acme.my.salesforce.com/\\evil.example", "/evil.example"),
        ("https://acme.my.salesforce.com\\\\evil.example", "/evil.example"),
        // Elsewhere, or a path already: left alone.
        ("/services/data", "/services/data"),
        ("relative", "relative"),
        ("https://globex.my.salesforce.com/x", "https://globex.my.salesforce.com/x"),
        ("https://acme.my.salesforce.com.evil.example/x", "https://acme.my.salesforce.com.evil.example/x"),
        ("https://acme.my.salesforce.com@evil.example/x", "https://acme.my.salesforce.com@evil.example/x"),
        ("https://acme.my.salesforce.com:4433/x", "https://acme.my.salesforce.com:4433/x"),
        ("http://acme.my.salesforce.com/x", "http://acme.my.salesforce.com/x"),
        ("//evil.example/x", "//evil.example/x"),
        ("", ""),
    ] {
        for name in ["location", "content-location"] {
            let mut headers = map(&[(name, location)]);
            response(&mut headers, &own());
            assert_eq!(headers[name], seen, "{location}");
        }
    }
    let trusted = TrustedHosts::new(vec!["127.0.0.1".parse().unwrap()]);
    let simulator = InstanceUrl::parse("http://127.0.0.1:4430", &trusted).unwrap();
    assert_eq!(location::within(&simulator, b"http://127.0.0.1:4430/x").unwrap(), b"/x");
    assert_eq!(location::within(&simulator, b"http://127.0.0.1:44301/x"), None);
    assert_eq!(location::within(&simulator, b"http://127.0.0.1/x"), None);
}

#[test]
fn a_token_is_found_in_a_header_plain_and_percent_encoded() {
    let token = std::str::from_utf8(TOKEN).unwrap();
    for value in [token, &format!("https://x/?sid={}", token.replace('!', "%21")), &format!("a{token}b")] {
        assert!(carries_token(&map(&[("x-a", "short"), ("location", value)]), TOKEN), "{value}");
        assert!(contains_token(value.as_bytes(), TOKEN));
    }
    for value in ["", "00Dxx0000001gPL", &token[..token.len() - 1]] {
        assert!(!carries_token(&map(&[("x-a", value)]), TOKEN), "{value}");
    }
    assert!(!carries_token(&map(&[("x-a", "short")]), b"00Dxx0000001gPL!short"));
    assert!(carries_token(&map(&[("x-a", "00Dxx0000001gPL!short")]), b"00Dxx0000001gPL!short"));
    assert!(carries_token(&map(&[("x-a", "b=eyJhbGciOiJIUzI1NiJ9.e30.sig")]), b"eyJhbGciOiJIUzI1NiJ9.e30.sig"));
}

/// Any mix of upper and lower case, with `-` and `_` exchanged.
fn spelt(name: &str, choices: &[bool]) -> String {
    let choose = |(letter, choice): (char, &bool)| match (letter, choice) {
        (letter, false) => letter,
        ('-', true) => '_',
        (letter, true) => letter.to_ascii_uppercase(),
    };
    name.chars().zip(choices.iter().cycle()).map(choose).collect()
}

proptest! {
    #[test]
    fn no_spelling_of_a_reserved_name_goes_on(
        name in prop_oneof![
            Just("authorization"), Just("cookie"), Just("x-sfdc-session"), Just("x-real-ip"), Just("accesstoken"),
            Just("x-forwarded-for"), Just("orgpass-tenant"), Just("orgpass-credential-of-any-length-that-a-caller-likes"),
        ],
        choices in proptest::collection::vec(any::<bool>(), 1..20),
    ) {
        let name = spelt(name, &choices);
        let mut headers = map(&[(&name, "x")]);
        request(&mut headers);
        prop_assert!(headers.is_empty(), "{} stayed", name);
    }

    #[test]
    fn any_headers_are_cleaned_without_panic(
        lines in proptest::collection::vec(("[a-zA-Z_-]{1,40}", proptest::collection::vec(any::<u8>(), 0..60)), 0..12),
        connection in "[a-z,_ -]{0,30}",
        location in "(https?:)?//acme\\.my\\.salesforce\\.com[ -~]{0,20}",
    ) {
        let mut headers = map(&[("connection", &connection), ("location", &location)]);
        for (name, value) in &lines {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
        }
        request(&mut headers.clone());
        response(&mut headers, &own());
        carries_token(&headers, TOKEN);
        prop_assert!(!headers.keys().any(|name| is_reserved(name.as_str()) && name.as_str().starts_with("orgpass")));
    }
}
