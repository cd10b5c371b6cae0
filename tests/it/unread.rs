//! A call that is refused while its body is still on its way: the caller sees the answer, and its next call is heard.

use bytes::Bytes;
use http::StatusCode;

use crate::bodies::{fed, zeros};
use crate::caller::Call;
use crate::world::World;

const ACCOUNTS: &str = "/services/data/v67.0/sobjects/Account";

const TOKEN: &str = "/services/oauth2/token";
const ECHO: &str = "/services/apexrest/echo";

/// A call for a tenant that is not connected.
fn refused(world: &World) -> Call {
    world.caller().post(ACCOUNTS, "").tenant("nobody")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_is_read_to_its_end_and_the_connection_goes_on() {
    let world = World::start().await;
    let mut connection = world.caller().connect().await;
    // A login is refused too: none is configured.
    let login = || world.caller().post(TOKEN, "");
    for round in 0..50 {
        let (feed, body) = fed();
        let sending = tokio::spawn(async move {
            for _ in 0..3 {
                tokio::task::yield_now().await;
                feed.send(Ok(Bytes::from_static(b"{\"Name\":"))).await.unwrap();
            }
        });
        let (call, code) = if round % 2 == 0 { (refused(&world), "not_connected") } else { (login(), "path_refused") };
        let reply = call.body(body).send_on(&mut connection).await;
        assert_eq!((reply.status, reply.error()), (StatusCode::FORBIDDEN, Some(code)), "{round}");
        assert_eq!(reply.header("connection"), None, "{round}");
        sending.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_that_is_long_or_stays_away_is_told_that_the_connection_ends() {
    let world = World::start().await;
    let (_feed, never) = fed();
    for body in [zeros(100 << 20, true), zeros(100 << 20, false), never] {
        let reply = refused(&world).body(body).send().await;
        assert_eq!((reply.status, reply.error()), (StatusCode::FORBIDDEN, Some("not_connected")));
        assert_eq!(reply.header("connection"), Some("close"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_waits_to_be_asked_for_its_body_is_asked_only_if_it_is_wanted() {
    let world = World::start().await;
    world.connect("acme", None).await;
    let head = |tenant: &str, length: usize| {
        format!(
            "POST {ECHO} HTTP/1.1\r\nHost: localhost\r\nOrgpass-Tenant: {tenant}\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\nConnection: {}\r\n\r\n",
            if tenant == "acme" { "close" } else { "keep-alive" }
        )
    };
    // It never sends its body, and the answer must not wait for that.
    let replies = world.caller().raw(head("nobody", 1000)).await;
    assert_eq!(replies.len(), 1, "{replies:?}");
    assert_eq!((replies[0].status, replies[0].error()), (StatusCode::FORBIDDEN, Some("not_connected")));
    assert_eq!(replies[0].header("connection"), Some("close"));

    // One that sends it all the same sees the answer, too.
    let replies = world.caller().raw(format!("{}{}", head("nobody", 1000), "x".repeat(1000))).await;
    assert_eq!((replies.len(), replies[0].status), (1, StatusCode::FORBIDDEN), "{replies:?}");

    let replies = world.caller().raw(format!("{}hi", head("acme", 2))).await;
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!((statuses, &*replies[1].body), (vec![100, 200], &b"hi"[..]), "{replies:?}");
}
