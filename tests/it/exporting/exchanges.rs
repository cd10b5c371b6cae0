//! Exchanges belong to no call: each is in a trace of its own, and links lead from it to the calls that waited, and back.

use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use redis_child::RedisChild;
use salesforce_sim::{AppOptions, Effect, Fault};
use serde_json::json;

use super::collector::{Collector, Span};
use super::{LIMITS, SPAN, TRACE, call, sampled, traced};
use crate::ahead::turn;
use crate::caller::{Call, Caller};
use crate::world::{Options, World, eventually};

const OTHER_TRACE: &str = "1af7651916cd43dd8448eb211c80319c";
const WAIT: &str = "wait for the next session";

fn in_trace(call: Call, trace: &str) -> Call {
    call.header("traceparent", format!("00-{trace}-{SPAN}-01"))
}

/// The one span of this name, once it is there.
async fn one(collector: &Collector, name: &str) -> Span {
    let of = || collector.spans().into_iter().filter(|span| span.name == name).collect::<Vec<_>>();
    eventually(name, async || !of().is_empty()).await;
    let [span] = &of()[..] else { panic!("{:#?}", of()) };
    span.clone()
}

fn find<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} in {spans:#?}"))
}

/// What getting a session and the one exchange in it were recorded as.
async fn work(collector: &Collector, trace: &str) -> (Span, Span) {
    let spans = collector.trace(trace, 2).await;
    let (whole, exchange) = (find(&spans, "get a session").clone(), find(&spans, "exchange").clone());
    assert_eq!((whole.parent.as_str(), &exchange.parent), ("", &whole.id));
    assert_eq!((whole.kind, exchange.kind), (SpanKind::Internal, SpanKind::Client));
    assert!(whole.began <= exchange.began && exchange.ended <= whole.ended);
    (whole, exchange)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_leads_to_the_calls_that_waited_for_it_and_they_to_it() {
    let collector = Collector::start().await;
    let world = traced(&collector, "sample_ratio = 0").await;
    let ana = world.connect("acme", Some("u-17")).await;
    world.sim.expire_sessions(&ana.org);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let calling = |trace: &str| tokio::spawn(in_trace(call(&world, LIMITS).user("u-17"), trace).send());
    let sent_twice = calling(TRACE);
    held.wait_held(1).await;
    let waited_first = calling(OTHER_TRACE);
    world.until_metric("orgpass_requests_in_flight", 2.0).await;
    held.release();
    assert_eq!(sent_twice.await.unwrap().header("orgpass-replay"), Some("done"));
    assert_eq!(waited_first.await.unwrap().header("orgpass-replay"), None);

    let (first, second) = (collector.trace(TRACE, 4).await, collector.trace(OTHER_TRACE, 3).await);
    let waits = [find(&first, WAIT), find(&second, WAIT)];
    let [(trace, id)] = &waits[0].links[..] else { panic!("{waits:#?}") };
    assert_eq!(waits[0].links, waits[1].links);
    let (whole, exchange) = work(&collector, trace).await;
    assert_eq!(&whole.id, id);
    let mut back = whole.links.clone();
    back.sort();
    assert_eq!(back, waits.map(|wait| (wait.trace.clone(), wait.id.clone())));
    let (before, after) = (first[1].says("orgpass.generation"), first[3].says("orgpass.generation"));
    for (span, name, value) in [
        (&whole, "orgpass.want", Some("next")),
        (&whole, "orgpass.from", Some("exchange")),
        (&whole, "orgpass.tenant", Some("acme")),
        (&whole, "orgpass.generation", after.as_deref()),
        (&exchange, "orgpass.tenant", Some("acme")),
        (&exchange, "orgpass.user", Some("u-17")),
        (&exchange, "orgpass.grant", Some("refresh_token")),
        (&exchange, "orgpass.result", Some("ok")),
        (&exchange, "orgpass.replaces", before.as_deref()),
        (&exchange, "orgpass.generation", after.as_deref()),
        (&exchange, "server.address", Some("127.0.0.1")),
        (&exchange, "error.type", None),
    ] {
        assert_eq!(span.says(name).as_deref(), value, "{name}");
    }
    assert!(!whole.failed && !exchange.failed);

    // Neither who does not sample nor the ratio asks for the next one.
    let there = collector.spans().len();
    world.sim.expire_sessions(&ana.org);
    let unsampled = call(&world, LIMITS).user("u-17").header("traceparent", format!("00-{TRACE}-{SPAN}-00"));
    assert_eq!(unsampled.send().await.header("orgpass-replay"), Some("done"));
    let last = "2af7651916cd43dd8448eb211c80319c";
    assert_eq!(in_trace(call(&world, LIMITS).user("u-17"), last).send().await.status, 200);
    collector.trace(last, 2).await;
    assert_eq!(collector.spans().len(), there + 2);
    collector.search(&world, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_is_refused_says_so_and_so_does_the_wait() {
    let collector = Collector::start().await;
    let world = traced(&collector, "sample_ratio = 0").await;
    let acme = world.connect("acme", None).await;
    assert_eq!(call(&world, LIMITS).send().await.status, 200);
    world.sim.expire_sessions(&acme.org);
    assert!(world.sim.revoke_grant(&acme.tokens.refresh_token));
    let refused = call(&world, LIMITS).header("traceparent", sampled()).send().await;
    assert_eq!(refused.header("orgpass-error"), Some("reauthorize"));
    let spans = collector.trace(TRACE, 3).await;
    let wait = find(&spans, WAIT);
    assert_eq!((wait.failed, wait.says("error.type").as_deref()), (true, Some("reauthorize")));
    let (whole, exchange) = work(&collector, &wait.links[0].0).await;
    assert_eq!((whole.failed, whole.says("error.type").as_deref()), (true, Some("reauthorize")));
    assert_eq!((exchange.failed, exchange.says("error.type").as_deref()), (true, Some("refused")));
    assert_eq!(exchange.says("orgpass.result").as_deref(), Some("refused"));
    assert_eq!(exchange.says("orgpass.generation"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_ends_without_another_sending_has_its_span_and_link_too() {
    let collector = Collector::start().await;
    let world = traced(&collector, "sample_ratio = 0").await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    // A client of the streaming API that is to shake hands anew.
    let poll = json!([{"channel": "/meta/connect", "clientId": "gone", "connectionType": "long-polling"}]);
    let told = in_trace(world.caller().post("/cometd/67.0", poll.to_string()).tenant("acme"), TRACE).send().await;
    assert!(told.text().contains("403::Unknown client"), "{}", told.text());
    let spans = collector.trace(TRACE, 3).await;
    let wait = find(&spans, WAIT);
    assert!(!wait.failed);
    let (whole, _) = work(&collector, &wait.links[0].0).await;
    assert_eq!(whole.links, [(wait.trace.clone(), wait.id.clone())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_ahead_of_its_time_is_a_trace_that_no_call_waits_for() {
    let collector = Collector::start().await;
    const LIFE: Duration = Duration::from_secs(15 * 60);
    let app = AppOptions { session_timeout: LIFE, ..AppOptions::default() };
    let ahead = "tokens.refresh_ahead_min_life = \"1s\"\napps.default.session_time = \"15m\"";
    let config = format!("{ahead}\n{}", collector.section(""));
    let world = World::with(Options { app, config, ..Options::default() }).await;
    world.connect("acme", None).await;
    let unsampled = format!("00-{TRACE}-{SPAN}-00");
    assert_eq!(call(&world, LIMITS).header("traceparent", unsampled).send().await.status, 200);
    turn(&world, LIFE / 2);
    let found = one(&collector, "get a session").await;
    let (whole, exchange) = work(&collector, &found.trace).await;
    assert_eq!(whole.says("orgpass.want").as_deref(), Some("ahead"));
    assert!(whole.links.is_empty() && !exchange.failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wait_of_a_sidecars_call_leads_to_its_asking_and_the_hubs_exchange_is_a_trace_of_the_hub() {
    let collector = Collector::start().await;
    let redis = RedisChild::start();
    let config = format!("[hub]\n{}", collector.section("service_name = \"hub\""));
    let world = World::with(Options { config, store: Some(redis.url()), ..Options::default() }).await;
    let acme = world.connect("acme", None).await;
    let sidecar = world
        .beside(|table| {
            table.remove("hub");
            table.remove("apps");
            table["vault"].as_table_mut().unwrap().remove("grant_keys_file");
            table["traces"].as_table_mut().unwrap().insert("service_name".to_owned(), "sidecar".into());
        })
        .await;
    world.sim.expire_sessions(&acme.org);
    let caller = Caller::new(sidecar.proxy_address().unwrap(), world.seen.clone());
    let reply = in_trace(caller.get(LIMITS).tenant("acme"), TRACE).send().await;
    assert_eq!(reply.header("orgpass-replay"), Some("done"));
    let spans = collector.trace(TRACE, 4).await;
    let wait = find(&spans, WAIT);
    let asking = &collector.trace(&wait.links[0].0, 1).await[0];
    assert_eq!((asking.service.as_str(), asking.says("orgpass.from").as_deref()), ("sidecar", Some("hub")));
    assert_eq!(asking.links, [(wait.trace.clone(), wait.id.clone())]);
    // The store carries no trace: what they have in common is the generation.
    let exchange = one(&collector, "exchange").await;
    let (whole, exchange) = work(&collector, &exchange.trace).await;
    assert_eq!((whole.service.as_str(), whole.says("orgpass.want").as_deref()), ("hub", Some("next")));
    assert_eq!(exchange.says("orgpass.generation"), asking.says("orgpass.generation"));
    assert_eq!(exchange.says("orgpass.generation"), spans[3].says("orgpass.generation"));
    assert!(tokio::task::spawn_blocking(|| sidecar.stop()).await.unwrap());
}
