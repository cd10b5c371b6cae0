//! The warm path asks nobody: no store, no token endpoint.

use std::collections::BTreeMap;

use crate::authenticating::LIMITS;
use crate::world::World;
use redis_child::RedisChild;

const CALLS: usize = 10_000;
const KEPT_CONNECTIONS: usize = 8;

/// What must not grow: store operations by name, and exchanges. Not what comes by the clock: the look whether the store
/// answers, and the note of what was used.
async fn counters(world: &World) -> BTreeMap<String, f64> {
    let text = world.operator().get("/metrics").send().await.body;
    let lines = std::str::from_utf8(&text).unwrap().lines();
    let counted = lines.filter(|line| {
        let of_store = line.starts_with("orgpass_store_operation_duration_seconds_count{");
        let by_the_clock = ["ping", "note_used"].iter().any(|name| line.contains(&format!("operation=\"{name}\"")));
        (of_store && !by_the_clock)
            || line.starts_with("orgpass_exchanges_total{")
            || line.starts_with("orgpass_adopted_generations_total")
    });
    counted
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.into(), value.parse().unwrap()))
        .collect()
}

async fn warm_calls_ask_nobody(world: &World) {
    world.connect("acme", None).await;
    world.connect("acme", Some("u-17")).await;
    let caller = world.caller();
    for call in [caller.get(LIMITS).tenant("acme"), caller.get(LIMITS).tenant("acme").user("u-17")] {
        assert_eq!(call.send().await.status, 200);
    }
    world.sim.keep_requests(0);
    let before = counters(world).await;
    assert!(before.keys().any(|name| name.contains("operation=\"read\"")), "{before:?}");

    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..KEPT_CONNECTIONS {
        let caller = world.caller();
        callers.spawn(async move {
            let mut connection = caller.connect().await;
            for number in 0..CALLS / KEPT_CONNECTIONS {
                let call = caller.get(LIMITS).tenant("acme");
                let call = if number % 2 == 0 { call } else { call.user("u-17") };
                assert_eq!(call.send_on(&mut connection).await.status, 200);
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    assert_eq!(counters(world).await, before);
    assert_eq!(world.sim.exchanges(), 0);
    let relayed = "orgpass_requests_total{api=\"rest\",method=\"GET\",outcome=\"relayed\",status=\"200\"}";
    world.until_metric(relayed, (CALLS + 2) as f64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_warm_calls_ask_neither_the_store_nor_salesforce_for_tokens() {
    warm_calls_ask_nobody(&World::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_warm_calls_ask_neither_redis_nor_salesforce_for_tokens() {
    let redis = RedisChild::start();
    warm_calls_ask_nobody(&World::on(&redis).await).await;
}
