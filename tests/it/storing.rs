//! Stores with real calls through them: each kind, records that are damaged, moved or sealed with other keys, and
//! outages. No fault of one record touches another connection, and nothing is lost by a fault that ends.

mod many;
mod outage;

use orgpass::connection::ConnectionKey;

use crate::caller::Reply;
use crate::world::{Options, Redis, World, eventually};

const LIMITS: &str = "/services/data/v67.0/limits";

async fn on(redis: Redis) -> World {
    World::with(Options { redis: Some(redis), ..Options::default() }).await
}

async fn limits(world: &World, tenant: &str) -> Reply {
    world.caller().get(LIMITS).tenant(tenant).send().await
}

/// Asks until the call goes through: a failure is remembered for a moment.
async fn until_it_goes_through(world: &World, tenant: &str) {
    eventually("the call goes through again", async || limits(world, tenant).await.status == 200).await;
}

fn row(kind: &str, tenant: &str) -> String {
    format!("orgpass:{kind}:{{{}}}", ConnectionKey::parse(tenant, None).unwrap().encode())
}

/// The call is refused for its record's sake, says so, and the log names the connection and the reason.
async fn refused_for_its_record(world: &World, tenant: &str, reason: &str) {
    let reply = limits(world, tenant).await;
    assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("token_unavailable")), "{}", reply.text());
    assert!(reply.text().contains("stored record of this connection cannot be opened"), "{}", reply.text());
    assert!(reply.header("retry-after").is_some());
    let events = world.events_about(tenant);
    let named = |event: &&String| event.contains(&format!("tenant {tenant}")) && event.contains(reason);
    assert!(events.iter().find(named).is_some(), "{reason}: {events:?}");
}

/// Calls replay, and what was stored by that is found by the next process.
async fn carries_calls(mut world: World) {
    let acme = world.connect("acme", None).await;
    world.connect("globex", Some("u-17")).await;
    assert_eq!(limits(&world, "acme").await.status, 200);
    let reply = world.caller().get(LIMITS).tenant("globex").user("u-17").send().await;
    assert_eq!(reply.status, 200);
    world.sim.expire_sessions(&acme.org);
    let reply = limits(&world, "acme").await;
    assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, Some("done")));
    world.restart().await;
    assert_eq!(limits(&world, "acme").await.header("orgpass-replay"), None);
    assert_eq!(world.sim.exchanges(), 1, "the new process found what the old one had stored");
    assert_eq!(world.sim.spent_tokens_presented(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_file_carries_calls() {
    carries_calls(World::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_carries_calls() {
    carries_calls(on(Redis::plain()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_over_tls_carries_calls() {
    let redis = Redis::tls();
    assert!(redis.child.url().starts_with("rediss://"));
    carries_calls(on(redis).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_user_with_no_more_than_the_documented_rights_carries_calls() {
    carries_calls(on(Redis::with_documented_user()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_record_stops_its_own_connection_only() {
    let world = on(Redis::plain()).await;
    world.connect("whole", None).await;
    let redis = world.redis.as_ref().unwrap();
    for (kind, reason) in [("status", "is corrupt"), ("session", "does not open")] {
        for damage in ["half", "foreign", "empty"] {
            let tenant = format!("corrupt-{kind}-{damage}");
            world.connect(&tenant, None).await;
            let good = redis.get(&row(kind, &tenant));
            let bad = match damage {
                "half" => good[..good.len() / 2].to_vec(),
                "foreign" => b"\x00\xff not a record".to_vec(),
                _ => Vec::new(),
            };
            redis.child.set(&row(kind, &tenant), Some(&bad));
            refused_for_its_record(&world, &tenant, reason).await;
            assert_eq!(limits(&world, "whole").await.status, 200);
            assert_eq!(redis.get(&row(kind, &tenant)), bad, "it was left as it was");
            redis.child.set(&row(kind, &tenant), Some(&good));
            until_it_goes_through(&world, &tenant).await;
        }
    }
    assert_eq!(world.sim.exchanges(), 0, "no refresh token was spent on it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_moved_between_tenants_opens_for_neither() {
    let world = on(Redis::plain()).await;
    world.connect("unmoved", None).await;
    let redis = world.redis.as_ref().unwrap();
    for kinds in [&["session"][..], &["session", "status", "grant"]] {
        let [a, b] = ["a", "b"].map(|end| format!("moved-{}-{end}", kinds.len()));
        world.connect(&a, None).await;
        world.connect(&b, None).await;
        world.sim.clear_requests();
        let swap = || {
            for kind in kinds {
                let rows = [redis.get(&row(kind, &a)), redis.get(&row(kind, &b))];
                redis.child.set(&row(kind, &a), Some(&rows[1]));
                redis.child.set(&row(kind, &b), Some(&rows[0]));
            }
        };
        swap();
        // Where the clear part stayed, that the generations differ would show it too, but the seal comes first.
        refused_for_its_record(&world, &a, "sealed for another connection").await;
        refused_for_its_record(&world, &b, "sealed for another connection").await;
        assert_eq!(limits(&world, "unmoved").await.status, 200);
        assert_eq!(world.sim.requests().len(), 1, "only the untouched connection's call arrived");
        swap();
        until_it_goes_through(&world, &a).await;
        until_it_goes_through(&world, &b).await;
        assert!(world.sim.requests().iter().all(|arrived| !arrived.foreign_token));
    }
    assert_eq!(world.sim.exchanges(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_moved_between_tenants_is_never_sent() {
    let world = on(Redis::plain()).await;
    let connected = world.connect("grant-a", None).await;
    world.connect("grant-b", None).await;
    let redis = world.redis.as_ref().unwrap();
    let (own, foreign) = (redis.get(&row("grant", "grant-a")), redis.get(&row("grant", "grant-b")));
    redis.child.set(&row("grant", "grant-a"), Some(&foreign));
    world.sim.expire_sessions(&connected.org);
    refused_for_its_record(&world, "grant-a", "sealed for another connection").await;
    assert_eq!(world.sim.exchanges(), 0);
    redis.child.set(&row("grant", "grant-a"), Some(&own));
    until_it_goes_through(&world, "grant-a").await;
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_file_stops_calls_and_loses_nothing() {
    let mut world = World::start().await;
    for file in ["session.keys", "grant.keys"] {
        // A session that dies within a second of being earned would be another story.
        let tenant = format!("keyed-{file}");
        let connected = world.connect(&tenant, None).await;
        let right = world.replace_key(file);
        world.restart().await;
        // Under the wrong grant keys the session opens, until it has to be replaced.
        if file == "grant.keys" {
            assert_eq!(limits(&world, &tenant).await.status, 200);
        }
        world.sim.expire_sessions(&connected.org);
        refused_for_its_record(&world, &tenant, "sealed with a key that is not in the key file").await;
        world.connect(&format!("keyed-by-{file}"), None).await;
        assert_eq!(limits(&world, &format!("keyed-by-{file}")).await.status, 200, "other connections work");
        std::fs::write(world.dir.path().join(file), right).unwrap();
        world.restart().await;
        assert_eq!(limits(&world, &tenant).await.status, 200);
    }
    assert_eq!(world.sim.spent_tokens_presented(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_session_put_back_beside_a_newer_head_is_not_used() {
    let mut world = on(Redis::plain()).await;
    let connected = world.connect("put-back", None).await;
    let old = world.redis.as_ref().unwrap().get(&row("session", "put-back"));
    world.sim.expire_sessions(&connected.org);
    assert_eq!(limits(&world, "put-back").await.status, 200);
    let new = world.redis.as_ref().unwrap().get(&row("session", "put-back"));
    world.redis.as_ref().unwrap().child.set(&row("session", "put-back"), Some(&old));
    world.restart().await;
    refused_for_its_record(&world, "put-back", "does not belong to the record's generation").await;
    world.redis.as_ref().unwrap().child.set(&row("session", "put-back"), Some(&new));
    until_it_goes_through(&world, "put-back").await;
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
}
