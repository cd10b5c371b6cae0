//! A session in use is replaced before it can die; one that nobody uses costs nothing.

use std::time::Duration;

use orgpass::connection::Status;
use orgpass::store::{Put, PutWhen};
use salesforce_sim::{AppOptions, Effect, Fault};

use crate::authenticating::LIMITS;
use crate::caller::Reply;
use crate::world::{Connected, Options, World, eventually};

/// The time-out of the org's sessions, of which half is guaranteed.
const LIFE: Duration = Duration::from_secs(4);

async fn world() -> World {
    let app = AppOptions { session_timeout: LIFE, ..AppOptions::default() };
    let config = "tokens.refresh_ahead_min_life = \"1s\"\napps.default.session_time = \"4s\"".to_owned();
    World::with(Options { app, config, ..Options::default() }).await
}

async fn call(world: &World, connected: &Connected) -> Reply {
    world.caller().get(LIMITS).tenant(connected.key.tenant()).send().await
}

/// Makes one call, and waits until the session that served it has been replaced by itself.
async fn is_replaced_after_a_call(world: &World, connected: &Connected) {
    let store = &world.orgpass().engine().store;
    let generation = async || store.read(&connected.key).await.unwrap().unwrap().head.generation;
    let first = generation().await;
    let reply = call(world, connected).await;
    assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, None), "{reply:?}");
    eventually("a new generation without a call", async || generation().await.supersedes(first)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_in_use_is_replaced_before_it_dies() {
    let world = world().await;
    let acme = world.connect("acme", None).await;
    for exchanges in 1..=2 {
        is_replaced_after_a_call(&world, &acme).await;
        assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (exchanges, 0));
    }
    assert_eq!(call(&world, &acme).await.status, 200);
    assert!(world.sim.requests().iter().all(|request| !request.dead));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_uses_is_left_alone() {
    let world = world().await;
    let unused = world.connect("unused", None).await;
    let trouble = Effect::Status(503, "[]".to_owned());
    world.sim.fault(Fault::on_path(LIMITS, trouble).at_org(unused.org.org_id()));
    // In memory, and never accepted by the org.
    assert_eq!(call(&world, &unused).await.status, 503);

    // As long as two other connections need to be replaced one after the other, which is most of its life.
    for tenant in ["first", "second"] {
        let used = world.connect(tenant, None).await;
        is_replaced_after_a_call(&world, &used).await;
    }
    assert_eq!(world.sim.exchanges(), 2, "one for each of those in use, none after it was replaced and not used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_replaced_is_left_to_live_as_long_as_it_does() {
    let world = world().await;
    let alone = world.connect("alone", None).await;
    let store = &world.orgpass().engine().store;
    let held = store.read(&alone.key).await.unwrap().unwrap().head.generation;
    let record = world.record_without_grant(&alone.key, &alone.tokens);
    assert_eq!(store.put(&alone.key, &record, PutWhen::At(held)).await.unwrap(), Put::Stored);
    assert_eq!(call(&world, &alone).await.status, 200);

    for tenant in ["first", "second"] {
        let used = world.connect(tenant, None).await;
        is_replaced_after_a_call(&world, &used).await;
    }
    assert_eq!(world.stored_status(&alone.key).await, (Status::Active, None));
}
