//! Where a request comes from and which host it means.

use super::{LIMITS, get, nothing_arrived, refused, request};
use crate::world::{Options, World};

const LINE: &str = "GET /services/data/v67.0/limits HTTP/1.1";
const TAG: &str = "Orgpass-Tenant: acme";

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_this_machine_is_refused() {
    let world = World::start().await;
    world.connect("acme", None).await;
    for host in [
        "evil.example",
        "evil.example:8180",
        "localhost.evil.example",
        "evil.example#localhost",
        "localhost@evil.example",
        "user@localhost",
        "user:password@127.0.0.1:8180",
        "10.0.0.7",
        "169.254.169.254",
        "0.0.0.0",
        "2130706433",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[fe80::1]",
        "localhost:99999",
        "localhost:",
        "localhost.",
        "",
        "acme.my.salesforce.com",
    ] {
        let host = format!("Host: {host}");
        let says = "The Host header does not name this machine";
        refused(&world, &request(LINE, &[&host, "Connection: close", TAG]), 403, "host_refused", says).await;
    }
    nothing_arrived(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_may_be_called_by_its_names_and_by_those_allowed() {
    let config = "[proxy]\nallowed_hosts = [\"orgpass.internal\"]".to_owned();
    let world = World::with(Options { config, ..Options::default() }).await;
    world.connect("acme", None).await;
    for host in ["localhost", "LocalHost:1", "127.0.0.1", "127.8.8.8:80", "[::1]", "[::1]:8180", "Orgpass.Internal:1"] {
        let host = format!("Host: {host}");
        let replies = world.caller().raw(request(LINE, &[&host, "Connection: close", TAG])).await;
        assert_eq!(replies[0].status, 200, "{host}: {}", replies[0].text());
    }
    let says = "proxy.allowed_hosts";
    let other = request(LINE, &["Host: x.orgpass.internal", "Connection: close", TAG]);
    refused(&world, &other, 403, "host_refused", says).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_host_is_wanted() {
    let world = World::start().await;
    world.connect("acme", None).await;
    let says = "exactly one Host header";
    for hosts in [vec![], vec!["Host: localhost", "Host: localhost"], vec!["Host: localhost", "Host: evil.example"]] {
        refused(&world, &request(LINE, &[&hosts[..], &[TAG]].concat()), 400, "invalid_request", says).await;
    }
    nothing_arrived(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_may_not_call() {
    let world = World::start().await;
    world.connect("acme", None).await;
    for (header, says) in [
        ("Origin: http://evil.example", "Origin"),
        ("Origin: null", "Origin"),
        ("Origin: http://localhost:8180", "Origin"),
        ("Sec-Fetch-Site: cross-site", "another site"),
        ("Sec-Fetch-Site: same-site", "another site"),
        ("sec-fetch-site: CROSS-SITE", "another site"),
    ] {
        refused(&world, &get(LIMITS, &[TAG, header]), 403, "host_refused", says).await;
    }
    let preflight = request(
        &format!("OPTIONS {LIMITS} HTTP/1.1"),
        &["Host: localhost", "Connection: close", "Origin: http://evil.example", "Access-Control-Request-Method: GET"],
    );
    let reply = refused(&world, &preflight, 403, "host_refused", "web pages").await;
    assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("access-control-")));
    nothing_arrived(&world);
    for site in ["none", "same-origin"] {
        let replies = world.caller().raw(get(LIMITS, &[TAG, &format!("Sec-Fetch-Site: {site}")])).await;
        assert_eq!(replies[0].status, 200, "{site}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_path_over_http_1_1_is_a_request() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let instance = acme.org.instance_url();
    for (line, says) in [
        (format!("GET http://localhost{LIMITS} HTTP/1.1"), "must be a path"),
        (format!("GET {instance}{LIMITS} HTTP/1.1"), "must be a path"),
        (format!("GET http://evil.example{LIMITS} HTTP/1.1"), "not as an HTTP proxy"),
        ("CONNECT acme.my.salesforce.com:443 HTTP/1.1".to_owned(), "CONNECT"),
        (format!("TRACE {LIMITS} HTTP/1.1"), "TRACE"),
        ("OPTIONS * HTTP/1.1".to_owned(), "must be a path"),
        (format!("GET {LIMITS} HTTP/1.0"), "HTTP/1.1"),
    ] {
        refused(&world, &request(&line, &["Host: localhost", TAG]), 400, "invalid_request", says).await;
    }
    nothing_arrived(&world);
}
