//! Webhooks: a receiver that is down for a while, and hubs that die meanwhile.

pub mod receiver;

use orgpass::connection::{Cause, Status};
use orgpass::store::DocumentKind;

use self::receiver::Receiver;
use crate::connecting::key;
use crate::world::{Options, Redis, World, eventually};

/// As a secret file has it.
pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The section that has this receiver told.
pub fn section(receiver: &Receiver) -> String {
    let file = tempfile::tempdir().unwrap().keep().join("webhook-secret");
    std::fs::write(&file, SECRET).unwrap();
    format!("[hub.webhooks.crm]\nurl = \"{}\"\nsecret_file = \"{}\"", receiver.url(), file.display())
}

/// A hub that tells this receiver, on Redis, so that others can go on.
pub async fn world(receiver: &Receiver) -> World {
    let config = section(receiver);
    let world = World::with(Options { config, redis: Some(Redis::with_documented_user()), ..Options::default() }).await;
    until_known(&world).await;
    world
}

/// Waits until the webhook is known: what happens before is not told.
pub async fn until_known(world: &World) {
    let store = &world.orgpass().engine().store;
    let known = || store.documents(DocumentKind::Delivery, None, 10);
    eventually("the webhook is served", async || known().await.is_ok_and(|known| !known.is_empty())).await;
}

/// Makes a connection change its status again and again.
pub async fn change(world: &World, tenant: &str, times: usize) {
    let store = &world.orgpass().engine().store;
    for number in 0..times {
        let generation = store.read(&key(tenant, None)).await.unwrap().unwrap().head.generation;
        let (status, cause) = match number % 2 {
            0 => (Status::Misconfigured, Some(Cause::IpRestricted)),
            _ => (Status::Active, None),
        };
        assert!(store.set_status(&key(tenant, None), generation, status, cause).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_in_order_though_the_receiver_was_down_and_the_hub_died() {
    let receiver = Receiver::start().await;
    let mut world = world(&receiver).await;
    world.connect("acme", None).await;
    receiver.until_told(1).await;
    receiver.refuse(true);
    change(&world, "acme", 6).await;
    eventually("it is tried", async || receiver.refused() > 0).await;
    world.kill().await;
    world.start_again().await;
    change(&world, "acme", 4).await;
    receiver.refuse(false);
    // The hub that died still has the lead for a while.
    receiver.until_told(11).await;
    let told = receiver.told();
    let expected: Vec<String> =
        world.orgpass().engine().store.events(None, 100).await.unwrap().into_iter().map(|event| event.id).collect();
    let mut heard: Vec<String> = Vec::new();
    for event in &told {
        if !heard.contains(&event.id) {
            heard.push(event.id.clone());
        }
    }
    assert_eq!(heard, expected, "each at least once, and first in order");
    let first = &told[0].body;
    assert_eq!((first["type"].as_str(), first["data"]["tenant"].as_str()), (Some("connection.created"), Some("acme")));
    let second = told.iter().find(|event| event.id == expected[1]).unwrap();
    assert_eq!(second.body["data"]["after"]["cause"], "ip_restricted");
    assert!(second.body["data"]["after"]["fix"].as_str().unwrap().contains("IP"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hubs_one_tells() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    let second = world.beside(|_| {}).await;
    world.connect("acme", None).await;
    change(&world, "acme", 20).await;
    receiver.until_told(21).await;
    let told = receiver.told();
    let mut ids: Vec<_> = told.iter().map(|event| event.id.clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), told.len(), "nothing was told twice");
    tokio::task::spawn_blocking(|| second.stop()).await.unwrap();
}
