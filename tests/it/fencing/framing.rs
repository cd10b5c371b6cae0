//! Framing that two readers could read in two ways: each ends in one answer and a closed connection, and what was
//! smuggled behind it is never read.

use super::{LIMITS, nothing_arrived, refused, request};
use crate::world::World;

const SINK: &str = "POST /services/apexrest/sink HTTP/1.1";
const HEAD: [&str; 2] = ["Host: localhost", "Orgpass-Tenant: acme"];

/// A request that would be answered if anybody took it for one.
fn smuggled() -> String {
    request(&format!("GET {LIMITS} HTTP/1.1"), &HEAD)
}

#[tokio::test(flavor = "multi_thread")]
async fn framing_with_two_meanings_is_refused_with_what_to_send() {
    let world = World::start().await;
    world.connect("acme", None).await;
    for (headers, says) in [
        (vec!["Content-Length: 2", "Content-Length: 0"], None),
        (vec!["Content-Length: 2, 2"], None),
        (vec!["Content-Length: +2"], None),
        (vec!["Content-Length: -2"], None),
        (vec!["Content-Length: 0x2"], None),
        (vec!["Content-Length: 2\r\n X-Folded: 1"], None),
        (vec!["Content-Length : 2"], None),
        (vec!["Content-Length: 18446744073709551617"], None),
        (vec!["Transfer-Encoding: gzip"], None),
        (vec!["Transfer-Encoding: chunked, chunked"], Some("one chunked")),
        (vec!["Transfer-Encoding: gzip, chunked"], Some("one chunked")),
        (vec!["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], Some("one chunked")),
        (vec!["Transfer_Encoding: chunked", "Content-Length: 2"], Some("_ in place of -")),
        (vec!["Connection: Content-Length", "Content-Length: 2"], Some("Connection header")),
        (vec!["Connection: Orgpass-User", "Content-Length: 2"], Some("Connection header")),
        (vec!["Expect: 200-ok", "Content-Length: 2"], Some("100-continue")),
        (vec!["Upgrade: websocket", "Content-Length: 2"], Some("upgrades")),
    ] {
        let sent = format!("{}hi{}", request(SINK, &[&HEAD[..], &headers].concat()), smuggled());
        match says {
            Some(says) => {
                let reply = refused(&world, &sent, 400, "invalid_request", says).await;
                assert_eq!(reply.header("connection"), Some("close"));
            }
            None => bare_400(&world, &sent).await,
        }
    }
    nothing_arrived(&world);
}

/// Sends what the parser itself refuses: 400 without a word, once, and the connection ends.
async fn bare_400(world: &World, sent: &str) {
    let replies = world.caller().raw(sent).await;
    let seen: Vec<_> = replies.iter().map(|reply| (reply.status.as_u16(), reply.error(), reply.body.len())).collect();
    assert_eq!(seen, [(400, None, 0)], "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_none_gets_a_bare_400() {
    let world = World::start().await;
    world.connect("acme", None).await;
    for head in [
        "GET /services/data/v67.0/limits HTTP/1.1\r\nHost : localhost",
        "GET /services/data/v67.0/limits HTTP/1.1\r\nHost: localhost\r\n\tfolded",
        "GET /services/data/v67.0/limits x HTTP/1.1\r\nHost: localhost",
        "GET /services/data/v67.0/limits HTTP/2.0\r\nHost: localhost",
        "GET /services/data/v67.0/limits HTTP/1.1\r\nHost: localhost\r\nX-Nul: \0",
        "GET /services/data/v67.0/limits HTTP/1.1\r\nHost: localhost\r\nNo colon",
        "G\u{e9}T /services/data/v67.0/limits HTTP/1.1\r\nHost: localhost",
        "PRI * HTTP/2.0",
    ] {
        bare_400(&world, &format!("{head}\r\nOrgpass-Tenant: acme\r\n\r\n{}", smuggled())).await;
    }
    nothing_arrived(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_measure_is_refused_before_it_is_read_to_its_end() {
    let world = World::start().await;
    world.connect("acme", None).await;
    let many: Vec<String> = (0..200).map(|number| format!("X-{number}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let wide = format!("X-Wide: {}", "x".repeat(1 << 20));
    let line = format!("GET {LIMITS} HTTP/1.1");
    for (sent, status) in [
        (request(&line, &[&HEAD[..], &many].concat()), 431),
        (request(&line, &[&HEAD[..], &[&wide]].concat()), 431),
        (request(&format!("GET {LIMITS}?{} HTTP/1.1", "x".repeat(70_000)), &HEAD), 414),
    ] {
        let replies = world.caller().raw(sent).await;
        let seen: Vec<_> = replies.iter().map(|reply| (reply.status.as_u16(), reply.error())).collect();
        assert_eq!(seen, [(status, None)]);
    }
    nothing_arrived(&world);
}

/// The parser drops the length and reads chunks, as RFC 9112 (section 6.3) tells a server to that does not refuse. What
/// makes that safe: the org receives one request of one framing, and the caller's connection ends after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_length_beside_chunks_smuggles_nothing() {
    let world = World::start().await;
    world.connect("acme", None).await;
    for framing in [
        ["Content-Length: 60", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
        ["Transfer-Encoding: chunked", "Content-Length: 0"],
    ] {
        let head = request(SINK, &[&HEAD[..], &framing].concat());
        let replies = world.caller().raw(format!("{head}2\r\nhi\r\n0\r\n\r\n{}", smuggled())).await;
        assert_eq!(replies.len(), 1, "{framing:?}");
        assert_eq!((replies[0].status.as_u16(), replies[0].header("connection")), (200, Some("close")));
        let arrived = super::one_arrived(&world);
        assert_eq!(arrived.body.as_deref(), Some(&b"hi"[..]), "{framing:?}");
        let framings = ["content-length", "transfer-encoding"].map(|name| arrived.headers.get_all(name).count());
        assert_eq!(framings.iter().sum::<usize>(), 1, "{:?}", arrived.headers);
    }
}

/// The parser takes equal lengths for one (RFC 9112, section 6.3, allows it); only one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_length_said_twice_is_said_once_to_the_org() {
    let world = World::start().await;
    world.connect("acme", None).await;
    let headers = ["Content-Length: 2", "content-length: 2", "Connection: close"];
    let sent = format!("{}hi{}", request(SINK, &[&HEAD[..], &headers].concat()), smuggled());
    let replies = world.caller().raw(sent).await;
    assert_eq!((replies.len(), replies[0].status.as_u16()), (1, 200));
    let arrived = super::one_arrived(&world);
    assert_eq!(arrived.headers.get_all("content-length").collect::<Vec<_>>(), ["2"]);
    assert_eq!(arrived.body.as_deref(), Some(&b"hi"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_chunks_are_never_a_whole_body() {
    let world = World::start().await;
    world.connect("acme", None).await;
    for chunks in [
        "x\r\nhi\r\n0\r\n\r\n",
        "-1\r\n",
        "2\r\nhiX\r\n0\r\n\r\n",
        "2\nhi\n0\n\n",
        "0x2\r\nhi\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nhi",
        "2;\n\r\nhi\r\n0\r\n\r\n",
    ] {
        world.sim.clear_requests();
        let head = request(SINK, &[&HEAD[..], &["Transfer-Encoding: chunked"]].concat());
        let replies = world.caller().raw(format!("{head}{chunks}{}", smuggled())).await;
        assert_eq!(replies.len(), 1, "{chunks:?}");
        let reply = &replies[0];
        assert_eq!((reply.status.as_u16(), reply.error()), (400, Some("invalid_request")), "{chunks:?}");
        assert!(reply.text().contains("body broke off or is not framed rightly"), "{}", reply.text());
        assert!(world.sim.requests().iter().all(|arrived| !arrived.body_complete), "{chunks:?}");
    }
}
