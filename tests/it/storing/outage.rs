//! The store goes away and comes back.

use salesforce_sim::{Effect, Fault};

use super::{LIMITS, limits, on, until_it_goes_through};
use crate::world::{Options, Redis, World, eventually};

/// Waits until the readiness probe says this.
async fn until_ready_says(world: &World, status: u16, word: &str, reasons: &[&str]) {
    let expected = serde_json::json!({"status": word, "reasons": reasons});
    eventually(&expected.to_string(), async || {
        let reply = world.operator().get("/readyz").send().await;
        (reply.status.as_u16(), &reply.json()) == (status, &expected)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_store_warm_calls_go_on_and_all_resumes_by_itself() {
    let mut world = on(Redis::plain()).await;
    world.connect("warm", None).await;
    world.connect("cold", None).await;
    let expired = world.connect("expired", None).await;
    assert_eq!(limits(&world, "warm").await.status, 200);
    assert_eq!(limits(&world, "expired").await.status, 200);
    until_ready_says(&world, 200, "ok", &[]).await;

    world.redis.as_mut().unwrap().child.kill();
    until_ready_says(&world, 200, "degraded", &["store_unavailable"]).await;
    assert_eq!(world.metric("orgpass_store_up").await, 0.0);
    assert_eq!(limits(&world, "warm").await.status, 200);
    world.sim.expire_sessions(&expired.org);
    for tenant in ["cold", "expired"] {
        let reply = limits(&world, tenant).await;
        assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("token_unavailable")), "{tenant}");
        assert!(reply.text().contains("store of connections cannot be reached"), "{}", reply.text());
        assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    }
    assert_eq!(world.sim.exchanges(), 0, "no token is exchanged for that could not be stored");
    assert_eq!(limits(&world, "warm").await.status, 200);

    world.redis.as_mut().unwrap().child.restart();
    until_it_goes_through(&world, "cold").await;
    until_it_goes_through(&world, "expired").await;
    until_ready_says(&world, 200, "ok", &[]).await;
    assert_eq!(world.metric("orgpass_store_up").await, 1.0);
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_never_reached_keeps_the_process_unready_until_it_is() {
    let mut redis = Redis::plain();
    redis.child.kill();
    let mut world = on(redis).await;
    until_ready_says(&world, 503, "unavailable", &["store_unavailable"]).await;
    assert_eq!(world.operator().get("/startupz").send().await.status, 200);
    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("token_unavailable")));
    world.redis.as_mut().unwrap().child.restart();
    until_ready_says(&world, 200, "ok", &[]).await;
    world.connect("acme", None).await;
    until_it_goes_through(&world, "acme").await;
}

/// The session that was exchanged for is over by the time the store has it, as after an outage that is longer than
/// sessions live. That is no org that refuses new tokens.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_waited_for_the_store_and_is_dead_by_then_is_exchanged_once_more() {
    // Longer than the store is away, whose absence is looked at again in ever longer pauses.
    let config = "proxy.token_wait = \"2m\"".to_owned();
    let mut world = World::with(Options { config, redis: Some(Redis::plain()), ..Options::default() }).await;
    let acme = world.connect("acme", None).await;
    assert_eq!(limits(&world, "acme").await.status, 200);
    world.sim.expire_sessions(&acme.org);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::HoldAnswer));
    let waiting = tokio::spawn(world.caller().get(LIMITS).tenant("acme").send());
    held.wait_held(1).await;
    world.redis.as_mut().unwrap().child.kill();
    held.release();
    let tried = "orgpass_exchange_waits_total{reason=\"stored\"}";
    eventually("the answer has waited for more than a second", async || world.metric(tried).await >= 5.0).await;
    world.sim.expire_sessions(&acme.org);
    world.redis.as_mut().unwrap().child.restart();
    let reply = waiting.await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, Some("done")), "{reply:?}");
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_password_that_has_changed_needs_no_restart_once_its_file_says_so() {
    let world = on(Redis::with_documented_user()).await;
    world.connect("acme", None).await;
    until_ready_says(&world, 200, "ok", &[]).await;
    let mut raw = world.redis.as_ref().unwrap().child.raw();
    let mut told = |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).exec(&mut raw).unwrap();
    told(&["ACL", "SETUSER", "orgpass", "resetpass", ">the-next-password"]);
    told(&["CLIENT", "KILL", "USER", "orgpass"]);
    until_ready_says(&world, 200, "degraded", &["store_unavailable"]).await;

    // As a mounted Secret is updated: the new file takes the place of the old one.
    let (next, file) = (world.dir.path().join("next"), world.dir.path().join("redis-password"));
    std::fs::write(&next, "the-next-password").unwrap();
    std::fs::rename(&next, &file).unwrap();
    until_ready_says(&world, 200, "ok", &[]).await;
    until_it_goes_through(&world, "acme").await;
}
