//! New tokens outlive the process that got them, and a store that goes back.

use std::path::Path;

use orgpass::token::Want;
use salesforce_sim::{Effect, Fault};

use crate::authenticating::LIMITS;
use crate::caller::Reply;
use crate::world::{Connected, Options, Redis, World, eventually};

const RESTORED: &str = "orgpass_restored_generations_total";

async fn world() -> World {
    let config = "[vault]\njournal_dir = \"journal\"\n[proxy]\ntoken_wait = \"500ms\"".to_owned();
    World::with(Options { config, redis: Some(Redis::plain()), ..Options::default() }).await
}

async fn call(world: &World) -> Reply {
    world.caller().get(LIMITS).tenant("acme").send().await
}

/// Calls until one goes through: on a busy machine a token may take longer than callers wait for it here.
async fn goes_through(world: &World) {
    eventually("a call that goes through", async || call(world).await.status == 200).await;
}

fn spent_nothing_twice(world: &World, exchanges: u64) {
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (exchanges, 0));
}

/// The store is lost while Salesforce has the refresh token, and its answer is in the journal by now.
async fn an_answer_meets_no_store(world: &mut World) {
    world.sim.expire_sessions(&world.connect("acme", None).await.org);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let caller = world.caller();
    let calling = tokio::spawn(async move { caller.get(LIMITS).tenant("acme").send().await });
    held.wait_held(1).await;
    world.redis.as_mut().unwrap().child.kill();
    held.release();
    let folder = world.dir.path().join("journal");
    eventually("an entry of the journal", async || length(&folder) > 0).await;
    let reply = calling.await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("token_unavailable")), "{reply:?}");
}

fn length(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().metadata().map_or(0, |metadata| metadata.len())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_store_could_not_take_outlives_a_process_that_is_killed() {
    let mut world = world().await;
    an_answer_meets_no_store(&mut world).await;
    world.kill().await;
    world.redis.as_mut().unwrap().child.restart();
    world.start_again().await;
    eventually("the outcome in the store", async || world.metric(RESTORED).await == 1.0).await;
    goes_through(&world).await;
    spent_nothing_twice(&world, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_stopped_leaves_to_the_journal_what_the_store_cannot_take() {
    let mut world = world().await;
    an_answer_meets_no_store(&mut world).await;
    assert!(world.stop().await, "something was cut short");
    world.redis.as_mut().unwrap().child.restart();
    world.start_again().await;
    eventually("the outcome in the store", async || world.metric(RESTORED).await == 1.0).await;
    goes_through(&world).await;
    spent_nothing_twice(&world, 1);
}

fn rows(world: &World, connected: &Connected) -> Vec<(String, Vec<u8>)> {
    let redis = world.redis.as_ref().unwrap();
    let name = |kind| format!("orgpass:{kind}:{{{}}}", connected.key.encode());
    ["status", "session", "grant"].map(name).map(|name| (name.clone(), redis.get(&name))).into()
}

fn put_back(world: &World, rows: &[(String, Vec<u8>)]) {
    for (name, row) in rows {
        world.redis.as_ref().unwrap().child.set(name, Some(row));
    }
}

/// A store in which a connection has been exchanged for twice, and the rows of before.
async fn exchanged_twice(world: &World) -> (Connected, Vec<(String, Vec<u8>)>) {
    let acme = world.connect("acme", None).await;
    let before = rows(world, &acme);
    for exchanges in 1..=2 {
        world.sim.expire_sessions(&acme.org);
        goes_through(world).await;
        spent_nothing_twice(world, exchanges);
    }
    (acme, before)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_went_back_is_set_right_by_whoever_needs_the_next_token() {
    let world = world().await;
    let (acme, before) = exchanged_twice(&world).await;
    put_back(&world, &before);
    assert_eq!(call(&world).await.status, 200, "what is in memory is served");
    world.sim.expire_sessions(&acme.org);
    goes_through(&world).await;
    assert_eq!(world.metric(RESTORED).await, 1.0);
    assert_eq!(world.metric("orgpass_store_rollbacks_total").await, 1.0);
    spent_nothing_twice(&world, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_restored_from_a_backup_is_set_right_at_the_next_start() {
    let mut world = world().await;
    let (acme, before) = exchanged_twice(&world).await;
    assert!(world.stop().await);
    put_back(&world, &before);
    world.start_again().await;
    eventually("the newest token in the store", async || world.metric(RESTORED).await == 1.0).await;
    goes_through(&world).await;
    world.sim.expire_sessions(&acme.org);
    goes_through(&world).await;
    spent_nothing_twice(&world, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_right_again_and_goes_back_once_more_is_waited_for_once_more() {
    const ROLLBACKS: &str = "orgpass_store_rollbacks_total";
    const READS: &str = "orgpass_store_operation_duration_seconds_count{operation=\"read\"}";
    let config = "[proxy]\ntoken_wait = \"500ms\"".to_owned();
    let world = World::with(Options { config, redis: Some(Redis::plain()), ..Options::default() }).await;
    let acme = world.connect("acme", None).await;
    let before = rows(&world, &acme);
    assert_eq!(call(&world).await.status, 200);

    // The only process that knows what was exchanged for is gone.
    let other = world.beside(|_| {}).await;
    let held = other.engine().store.read(&acme.key).await.unwrap().unwrap().head.generation;
    let next = other.engine().exchanger.obtain(&acme.key, Want::After(held), None).await.unwrap().head.generation;
    assert!(tokio::task::spawn_blocking(|| other.stop()).await.unwrap());
    let used = async || call(&world).await.status == 200 && world.log.text().contains(&next.to_string());
    eventually("a call with what was exchanged for", used).await;
    let after = rows(&world, &acme);
    world.sim.expire_sessions(&acme.org);

    for times in 1..=2 {
        put_back(&world, &before);
        let is_noticed = async || call(&world).await.status == 503 && world.metric(ROLLBACKS).await == f64::from(times);
        eventually("the store has gone back", is_noticed).await;
        put_back(&world, &after);
        // One is told of after the other, so that by the second the first has been read and thought about.
        for _ in 0..2 {
            let reads = world.metric(READS).await;
            world.orgpass().engine().store.announce(&acme.key).await.unwrap();
            eventually("what is announced was read", async || world.metric(READS).await > reads).await;
        }
    }
    spent_nothing_twice(&world, 1);
}
