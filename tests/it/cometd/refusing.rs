//! What is refused, in the words of Bayeux, and without a loop.

use salesforce_sim::{Effect, Fault};
use serde_json::{Value, json};

use super::client::{Client, ORDERS};
use crate::caller::Reply;
use crate::world::{Options, Redis, World};

fn is_refused(reply: &Reply, code: &str, status: u16, reconnect: &str) {
    assert_eq!((reply.status.as_u16(), reply.error()), (200, Some(code)), "{reply:?}");
    let message = &reply.json()[0];
    let (error, advice) = (message["error"].as_str().unwrap(), &message["advice"]);
    assert!(error.starts_with(&format!("{status}::ORGPASS_{}: ", code.to_uppercase())), "{error}");
    assert_eq!((message["successful"].as_bool(), advice["reconnect"].as_str()), (Some(false), Some(reconnect)));
    assert_eq!(advice["interval"].as_u64().is_some(), reconnect == "retry");
}

fn greeting() -> Value {
    json!([{"channel": "/meta/handshake", "version": "1.0", "id": "h", "supportedConnectionTypes": ["long-polling"]}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_unknown_or_dead_is_refused_for_good() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    is_refused(&Client::with_token(&world, "nobody").send_with(greeting(), &[]).await, "not_connected", 403, "none");
    let mut client = Client::with_token(&world, "acme");
    client.begin(ORDERS, -1).await;
    world.sim.expire_sessions(&acme.org);
    world.sim.revoke_grant(&acme.tokens.refresh_token);
    for message in [client.message("/meta/connect"), client.message("/meta/connect"), greeting()] {
        is_refused(&client.send_with(message, &[]).await, "reauthorize", 403, "none");
    }
    assert_eq!(world.sim.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_refused_fresh_is_told_and_no_loop() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    world.sim.restrict_ip(&acme.org, None);
    let client = Client::with_token(&world, "acme");
    for message in [greeting(), greeting(), client.message("/meta/connect"), greeting()] {
        is_refused(&client.send_with(message, &[]).await, "misconfigured", 403, "none");
    }
    assert_eq!(world.sim.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_store_a_client_is_told_to_come_again() {
    let mut world = World::with(Options { redis: Some(Redis::plain()), ..Options::default() }).await;
    let acme = world.connect("acme", None).await;
    let mut client = Client::with_token(&world, "acme");
    client.begin(ORDERS, -1).await;
    world.redis.as_mut().unwrap().child.kill();
    world.until_metric("orgpass_store_up", 0.0).await;
    world.sim.expire_sessions(&acme.org);
    is_refused(&client.send_with(client.message("/meta/connect"), &[]).await, "token_unavailable", 503, "retry");
    is_refused(&client.send_with(greeting(), &[]).await, "token_unavailable", 503, "retry");
    world.redis.as_mut().unwrap().child.restart();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_breaks_off_is_tried_again() {
    let world = World::start().await;
    world.connect("acme", None).await;
    let mut client = Client::with_token(&world, "acme");
    client.begin(ORDERS, -1).await;
    world.sim.fault(Fault::on_path("/cometd", Effect::DropBeforeProcessing));
    is_refused(&client.send_with(client.message("/meta/connect"), &[]).await, "upstream_unreachable", 502, "retry");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_of_the_streaming_api_is_refused_at_once() {
    let world = World::start().await;
    world.connect("acme", None).await;
    let caller = world.caller();
    let long = json!([{"channel": "/meta/handshake", "filler": "x".repeat(33_000)}]).to_string();
    for body in ["", "[]", "{}", "message=x", &long] {
        let reply = caller.post("/cometd/64.0", body.to_owned()).tenant("acme").send().await;
        assert_eq!((reply.status.as_u16(), reply.error()), (400, Some("invalid_request")), "{reply:?}");
        assert!(reply.json()[0]["error"].as_str().unwrap().starts_with("400::ORGPASS_INVALID_REQUEST"));
    }
    for call in [caller.get("/cometd/64.0?message=%5B%5D"), caller.get("/cometd/64.0")] {
        assert_eq!(call.tenant("acme").send().await.status, 400);
    }
    // What jsforce asks for first.
    let probe =
        caller.get("/cometd/64.0").tenant("acme").header("connection", "Upgrade").header("upgrade", "websocket");
    assert_eq!(probe.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").send().await.status, 400);
    assert!(world.sim.requests().is_empty(), "nothing of it was relayed");
}
