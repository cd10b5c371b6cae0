//! Sessions that die, and a proxy that starts again.

use serde_json::json;

use super::client::{Client, ORDERS};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_dies_while_a_poll_is_held_makes_the_client_shake_hands() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let mut client = Client::with_token(&world, "acme");
    client.begin(ORDERS, -1).await;
    let held = client.poll();
    world.sim.wait_for(|request| request.status.is_none(), 1).await;
    world.sim.expire_sessions(&acme.org);
    let told = json!([{
        "channel": "/meta/connect", "id": "1", "clientId": client.id, "successful": false,
        "error": "403::Unknown client", "advice": {"reconnect": "handshake", "interval": 0},
    }]);
    assert_eq!(json!(held.await.unwrap()), told);
    assert_eq!(client.handshake().await["successful"], true);
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_with_a_dead_session_is_sent_again() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let client = Client::with_headers(&world, "acme");
    let greeting =
        json!({"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]});
    let reply = client.send_with(greeting, &[]).await;
    assert_eq!((reply.header("orgpass-replay"), reply.json()[0]["successful"].as_bool()), (Some("done"), Some(true)));
    assert_eq!(world.sim.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_expiries_and_a_restart_lose_no_event() {
    let mut world = World::start().await;
    let acme = world.connect("acme", None).await;
    let mut client = Client::with_token(&world, "acme");
    client.begin(ORDERS, -2).await;
    world.order(&acme, "first");
    assert_eq!(client.receive(1).await, ["first"]);
    for round in 0..11 {
        let sent = [format!("{round}a"), format!("{round}b")];
        sent.iter().for_each(|number| world.order(&acme, number));
        if round == 5 {
            world.restart().await;
            client.caller = world.caller();
        } else {
            world.sim.expire_sessions(&acme.org);
        }
        assert_eq!(client.receive(2).await, sent);
    }
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (10, 0));
}
