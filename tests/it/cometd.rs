//! The streaming API through the proxy: clients that keep no cookies receive events, and go on by themselves when their
//! session dies.

mod client;
mod dying;
mod refusing;
mod stopping;

use std::time::Duration;

use serde_json::json;

use crate::world::{Connected, World};
use client::{Client, ORDERS, numbers};

impl World {
    fn order(&self, of: &Connected, number: &str) {
        self.sim.publish(&of.org, ORDERS, json!({ "Number__c": number }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_cookies_receives_events_whichever_tag_it_has() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    for mut client in [Client::with_token(&world, "acme"), Client::with_headers(&world, "acme")] {
        client.begin(ORDERS, -1).await;
        let held = client.poll();
        world.sim.wait_for(|request| request.status.is_none(), 1).await;
        world.order(&acme, "7");
        assert_eq!(numbers(&held.await.unwrap()), ["7"]);
    }
    let requests = world.sim.requests();
    assert!(requests.iter().all(|request| !request.dead && !request.foreign_token));
    assert_eq!(world.sim.exchanges(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_stay_in_the_proxy() {
    let world = World::start().await;
    world.connect("acme", None).await;
    let mut client = Client::with_headers(&world, "acme");
    client.begin(ORDERS, -1).await;
    world.sim.hold_polls(Duration::ZERO);
    let reply = client.send_with(json!([client.message("/meta/connect")]), &[("cookie", "own=1")]).await;
    assert_eq!((reply.header("set-cookie"), reply.json()[0]["successful"].as_bool()), (None, Some(true)));
    for request in world.sim.requests() {
        let cookie = request.header("cookie").unwrap_or_default();
        let is_handshake =
            request.body.as_ref().is_some_and(|body| body.windows(15).any(|part| part == b"/meta/handshake"));
        assert_eq!(cookie.contains("sfdc-stream=") && cookie.contains("BAYEUX_BROWSER="), !is_handshake, "{cookie}");
        assert!(!cookie.contains("own="));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_never_get_each_others_events_or_cookies() {
    let world = World::start().await;
    let (acme, globex) = (world.connect("acme", None).await, world.connect("globex", None).await);
    let (mut of_acme, mut of_globex) = (Client::with_token(&world, "acme"), Client::with_token(&world, "globex"));
    of_acme.begin(ORDERS, -1).await;
    of_globex.begin(ORDERS, -1).await;
    let (first, second) = (of_acme.poll(), of_globex.poll());
    world.order(&acme, "acme's");
    world.order(&globex, "globex's");
    assert_eq!(numbers(&first.await.unwrap()), ["acme's"]);
    assert_eq!(numbers(&second.await.unwrap()), ["globex's"]);

    let mut thief = Client::with_token(&world, "globex");
    thief.id = of_acme.id.clone();
    world.sim.clear_requests();
    world.order(&acme, "another");
    assert_eq!(thief.connect().await[0]["error"], "403::Unknown client");
    assert_eq!(world.sim.requests()[0].header("cookie"), None);
    // It has cost the one that it belongs to nothing.
    assert_eq!(numbers(&of_acme.connect().await), ["another"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_receive_all_events_at_once() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Client::with_token(&world, "acme");
        client.begin(ORDERS, -1).await;
        clients.push(client);
    }
    let held: Vec<_> = clients.iter().map(Client::poll).collect();
    world.sim.wait_for(|request| request.status.is_none(), 50).await;
    world.order(&acme, "1");
    for held in held {
        assert_eq!(numbers(&held.await.unwrap()), ["1"]);
    }
}
