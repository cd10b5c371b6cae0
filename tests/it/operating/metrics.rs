//! `/metrics`: it parses, labels come from bounded sets, and no tenant is ever among them.

use std::collections::{BTreeMap, BTreeSet};

use salesforce_sim::{Effect, Fault};

use super::LIMITS;
use crate::world::{World, series};

#[tokio::test(flavor = "multi_thread")]
async fn metrics_parse_and_their_labels_are_bounded() {
    let world = World::start().await;
    let acme = world.connect("tenant-in-no-label", Some("user-in-no-label")).await;
    let call = |method: &'static str, path: &str| {
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        world.caller().call(method, path).tenant("tenant-in-no-label").user("user-in-no-label")
    };
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "X-ANYTHING"] {
        call(method, LIMITS).send().await;
    }
    for path in ["/services/async/67.0/job/x", "/services/oauth2/userinfo", "/x/y/z", "/services/data/v1.0/q?a=b"] {
        call("GET", path).send().await;
    }
    world.sim.fault(Fault::on_path(LIMITS, Effect::Status(799, String::new())));
    call("GET", LIMITS).send().await;
    world.sim.expire_sessions(&acme.org);
    call("GET", LIMITS).send().await;

    let reply = world.operator().get("/metrics").send().await;
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in reply.text().lines().filter(|line| !line.starts_with('#')) {
        let series = series(line);
        assert!(series.name.starts_with("orgpass_") && series.value >= 0.0, "{line}");
        for (label, value) in series.labels {
            // Connections have a status too, which is a word.
            let label = if series.name == "orgpass_connections" { "connection_status".to_owned() } else { label };
            values.entry(label).or_default().insert(value);
        }
    }
    let seen = |label: &str| values[label].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(
        seen("api"),
        [
            "account_engagement",
            "bulk",
            "data_cloud",
            "identity",
            "none",
            "platform",
            "pubsub",
            "rest",
            "soap",
            "streaming"
        ]
    );
    assert_eq!(seen("method"), ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT", "other"]);
    assert_eq!(seen("purpose"), ["grant", "session"]);
    assert_eq!(seen("outcome"), ["refused", "relayed", "replayed"]);
    assert!(values["status"].iter().all(|status| status.len() == 3 && status.parse::<u16>().is_ok()));
    let labels: Vec<&str> = values.keys().map(String::as_str).collect();
    let known = [
        "api",
        "connection_status",
        "grant",
        "le",
        "method",
        "operation",
        "outcome",
        "purpose",
        "reason",
        "result",
        "status",
        "version",
    ];
    assert_eq!(labels, known);
    let statuses = ["active", "checking", "disconnected", "misconfigured", "pending", "reauthorize"];
    assert_eq!(seen("connection_status"), statuses);
    assert!(!reply.text().contains("in-no-label"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_a_call_is_counted_once() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let total = "orgpass_requests_total{api=\"rest\",method=\"GET\",";
    let count = async |labels: &str| world.metric(&format!("{total}{labels}}}")).await;
    for _ in 0..3 {
        world.caller().get(LIMITS).tenant("acme").send().await;
    }
    assert_eq!(count("outcome=\"relayed\",status=\"200\"").await, 3.0);
    world.sim.expire_sessions(&acme.org);
    world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(count("outcome=\"replayed\",status=\"200\"").await, 1.0);
    assert_eq!(world.metric("orgpass_replays_total{result=\"done\"}").await, 1.0);
    assert_eq!(world.metric("orgpass_exchanges_total{grant=\"refresh_token\",result=\"ok\"}").await, 1.0);
    assert_eq!(world.metric("orgpass_exchange_duration_seconds_count").await, 1.0);
    world.caller().get(LIMITS).tenant("nobody").send().await;
    assert_eq!(count("outcome=\"refused\",status=\"403\"").await, 1.0);
    assert_eq!(world.metric("orgpass_request_duration_seconds_count{api=\"rest\"}").await, 5.0);
    assert_eq!(world.metric("orgpass_upstream_duration_seconds_count{api=\"rest\"}").await, 4.0);
    assert_eq!(world.metric("orgpass_connections{status=\"active\"}").await, 1.0);
    assert_eq!(world.metric("orgpass_token_cache_entries").await, 1.0);
    assert_eq!(world.metric("orgpass_store_up").await, 1.0);
}
