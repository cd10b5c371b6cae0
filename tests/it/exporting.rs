//! Traces: what of a call a collector is told, and what goes on to Salesforce, whatever the collector does.

mod collector;
mod exchanges;
mod grpc;

use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use redis_child::HeldPort;
use salesforce_sim::{Effect, Fault, RecordedRequest};

use crate::caller::{Call, crowd, statuses};
use crate::encrypting::Authority;
use crate::world::{World, eventually};
use collector::{Collector, Span};

const RECORD: &str = "/services/data/v67.0/sobjects/Account/001xx000003DGbYAAW?fields=Name";
const LIMITS: &str = "/services/data/v67.0/limits";
const TEMPLATE: &str = "/services/data/v67.0/sobjects/Account/{id}";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";
const TRACESTATE: &str = "vendor=opaque,other=1";

fn sampled() -> String {
    format!("00-{TRACE}-{SPAN}-01")
}

async fn traced(collector: &Collector, more: &str) -> World {
    World::configured(&collector.section(more)).await
}

fn call(world: &World, path: &str) -> Call {
    world.caller().get(path).tenant("acme")
}

/// What the org got, login hosts left out.
fn at_org(world: &World) -> Vec<RecordedRequest> {
    world.sim.requests().into_iter().filter(|request| request.org.is_some()).collect()
}

/// Each `traceparent` that the org got.
fn contexts(world: &World) -> Vec<Option<String>> {
    at_org(world).iter().map(|request| request.header("traceparent").map(str::to_owned)).collect()
}

fn kinds(spans: &[Span]) -> Vec<SpanKind> {
    spans.iter().map(|span| span.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_call_is_a_span_of_its_callers_trace_with_one_below_it_for_each_sending() {
    let collector = Collector::start().await;
    let world = traced(&collector, "service_name = \"orgpass-eu\"").await;
    let ana = world.connect("acme", Some("u-17")).await;
    world.sim.expire_sessions(&ana.org);
    let of_caller = call(&world, RECORD).user("u-17").header("traceparent", sampled());
    let reply = of_caller.header("tracestate", TRACESTATE).send().await;
    assert_eq!(reply.header("orgpass-replay"), Some("done"));

    let spans = collector.trace(TRACE, 4).await;
    assert_eq!(kinds(&spans), [SpanKind::Server, SpanKind::Client, SpanKind::Internal, SpanKind::Client]);
    let [whole, first, wait, second] = &spans[..] else { unreachable!() };
    assert_eq!(whole.parent, SPAN);
    assert!(spans[1..].iter().all(|span| span.parent == whole.id && span.ended <= whole.ended));
    assert!(first.ended <= wait.began && wait.ended <= second.began);
    for span in [whole, first, second] {
        assert_eq!(span.name, format!("GET {TEMPLATE}"));
        assert_eq!(span.says("http.request.method").as_deref(), Some("GET"));
    }
    for (name, value) in [
        ("http.route", TEMPLATE),
        ("http.response.status_code", reply.status.as_str()),
        ("url.scheme", "http"),
        ("orgpass.request_id", reply.header("orgpass-request-id").unwrap()),
        ("orgpass.tenant", "acme"),
        ("orgpass.user", "u-17"),
        ("orgpass.api", "rest"),
        ("orgpass.replay", "done"),
        ("orgpass.outcome", "replayed"),
    ] {
        assert_eq!(whole.says(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(whole.says("orgpass.error"), None);
    // There is no such record, which is a failure of the sending and none of the proxy.
    assert_eq!((reply.status.as_u16(), whole.failed), (404, false));
    for (span, status, resent) in [(first, "401", None), (second, reply.status.as_str(), Some("1"))] {
        assert_eq!(span.says("http.response.status_code").as_deref(), Some(status));
        assert_eq!((span.says("error.type").as_deref(), span.failed), (Some(status), true));
        assert_eq!(span.says("http.request.resend_count").as_deref(), resent);
        assert_eq!(span.says("url.template").as_deref(), Some(TEMPLATE));
        assert_eq!(span.says("server.address").as_deref(), Some("127.0.0.1"));
    }
    assert_ne!(first.says("orgpass.generation"), second.says("orgpass.generation"));
    assert_eq!(second.says("salesforce.request_id").as_deref(), reply.header("x-sfdc-request-id"));
    assert_eq!(collector.resource("service.name"), ["orgpass-eu"]);

    let sent: Vec<_> =
        at_org(&world).into_iter().filter(|request| request.path() != "/services/oauth2/token").collect();
    let got: Vec<_> = sent.iter().map(|request| request.header("traceparent").unwrap().to_owned()).collect();
    assert_eq!(got, [first.traceparent(), second.traceparent()]);
    assert!(sent.iter().all(|request| request.header("tracestate") == Some(TRACESTATE)));
    collector.search(&world, &["001xx", "fields=", "vendor="]);

    eventually("the call's line", async || !world.log.text().is_empty()).await;
    let line: serde_json::Value = serde_json::from_str(&world.log.text()).unwrap();
    assert_eq!((&line["trace"], &line["id"]), (&TRACE.into(), &whole.says("orgpass.request_id").unwrap().into()));
    assert_eq!(line["org_request"].as_str(), second.says("salesforce.request_id").as_deref());
    assert_eq!(line["generation"].as_str(), second.says("orgpass.generation").as_deref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_is_none_counts_as_none_and_goes_no_further() {
    let collector = Collector::start().await;
    let world = traced(&collector, "").await;
    world.connect("acme", None).await;
    let bad = [format!("00-{TRACE}-{SPAN}-01-{}", "x".repeat(4000)), format!("00-{TRACE}-{}-01", "0".repeat(16))];
    for bad in bad {
        let reply = call(&world, LIMITS).header("traceparent", bad).header("tracestate", TRACESTATE).send().await;
        assert_eq!(reply.status, 200);
    }
    let twice = call(&world, LIMITS).header("traceparent", sampled()).header("traceparent", sampled());
    assert_eq!(twice.send().await.status, 200);
    for (number, request) in at_org(&world).iter().enumerate() {
        assert_eq!(request.header("tracestate"), None);
        let mut sent = request.headers.get_all("traceparent");
        let fields: Vec<_> = sent.next().unwrap().split('-').map(str::to_owned).collect();
        assert!(sent.next().is_none());
        assert_ne!(fields[1], TRACE, "call {number}");
        let spans = collector.trace(&fields[1], 2).await;
        assert_eq!((spans[0].parent.as_str(), &spans[1].id), ("", &fields[2]));
    }
    assert_eq!(at_org(&world).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_does_not_sample_and_calls_beyond_the_ratio_leave_no_span() {
    let collector = Collector::start().await;
    let world = traced(&collector, "sample_ratio = 0").await;
    world.connect("acme", None).await;
    let unsampled = format!("00-{TRACE}-{SPAN}-00");
    let of_caller = call(&world, LIMITS).header("traceparent", &unsampled).header("tracestate", TRACESTATE);
    assert_eq!(of_caller.send().await.status, 200);
    assert_eq!(call(&world, LIMITS).send().await.status, 200);
    assert_eq!(contexts(&world), [Some(unsampled), None]);
    assert_eq!(at_org(&world)[0].header("tracestate"), Some(TRACESTATE), "it goes on as it came");
    // What was exported with the others would be there before this one.
    assert_eq!(call(&world, LIMITS).header("traceparent", sampled()).send().await.status, 200);
    collector.trace(TRACE, 2).await;
    assert_eq!(collector.spans().len(), 2);
    eventually("the log's lines", async || world.log.text().lines().count() == 3).await;
    assert_eq!(world.log.text().matches("\"trace\":").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_traces_the_callers_context_goes_on_as_it_came() {
    let world = World::start().await;
    world.connect("acme", None).await;
    for context in [sampled(), "whatever".to_owned()] {
        let of_caller = call(&world, LIMITS).header("traceparent", context).header("tracestate", TRACESTATE);
        assert_eq!(of_caller.send().await.status, 200);
    }
    assert_eq!(contexts(&world), [Some(sampled()), Some("whatever".to_owned())]);
    assert!(at_org(&world).iter().all(|request| request.header("tracestate") == Some(TRACESTATE)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_orgpass_answers_itself_and_what_breaks_is_named_by_its_code() {
    let collector = Collector::start().await;
    let world = traced(&collector, "").await;
    world.connect("acme", None).await;
    let refused = call(&world, "/nowhere/001xx?secret").header("traceparent", sampled()).send().await;
    let spans = collector.trace(TRACE, 1).await;
    assert_eq!((refused.status.as_u16(), spans[0].failed), (403, false));
    assert_eq!(spans[0].says("orgpass.error").as_deref(), Some("path_refused"));
    assert_eq!(spans[0].name, "GET /{id}/{id}");

    world.sim.fault(Fault::on_path(LIMITS, Effect::LoseResponse));
    let other = sampled().replace(TRACE, "1af7651916cd43dd8448eb211c80319c");
    let broken = call(&world, LIMITS).header("traceparent", other).send().await;
    let spans = collector.trace("1af7651916cd43dd8448eb211c80319c", 2).await;
    assert_eq!(broken.status, 502);
    assert!(spans.iter().all(|span| span.failed));
    assert!(spans.iter().all(|span| span.says("error.type").as_deref() == Some("upstream_unreachable")));
    collector.search(&world, &["001xx", "secret", "nowhere"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_costs_calls_nothing_and_what_has_no_room_is_counted() {
    let collector = Collector::start().await;
    collector.hold(true);
    let world = traced(&collector, "queue_size = 1").await;
    world.connect("acme", None).await;
    assert_eq!(call(&world, LIMITS).send().await.status, 200);
    eventually("the first export hangs", async || collector.came() == 1).await;
    let replies = crowd(20, || call(&world, LIMITS)).await;
    assert_eq!(statuses(&replies), [(200, 20)]);
    // One waits, of which the other spans are for the call and for its sending.
    world.until_metric("orgpass_spans_total{result=\"dropped\"}", 38.0).await;
    collector.hold(false);
    world.until_metric("orgpass_spans_total{result=\"exported\"}", 4.0).await;
    assert_eq!(collector.connections(), 1, "it is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_is_tried_again_and_one_that_refuses_is_not() {
    let collector = Collector::start().await;
    let world = traced(&collector, "").await;
    world.connect("acme", None).await;
    collector.refuse(503);
    assert_eq!(call(&world, LIMITS).header("traceparent", sampled()).send().await.status, 200);
    collector.trace(TRACE, 2).await;
    assert_eq!(collector.came(), 2);
    world.until_metric("orgpass_spans_total{result=\"exported\"}", 2.0).await;
    collector.refuse(400);
    assert_eq!(call(&world, LIMITS).send().await.status, 200);
    world.until_metric("orgpass_spans_total{result=\"refused\"}", 2.0).await;
    collector.take_all_but(1);
    assert_eq!(call(&world, LIMITS).send().await.status, 200);
    world.until_metric("orgpass_spans_total{result=\"refused\"}", 3.0).await;
    world.until_metric("orgpass_spans_total{result=\"exported\"}", 3.0).await;
    // For longer than a batch may wait, and as long as a number can say, after a try that has taken its time.
    collector.refuse(503);
    collector.refuse_for(u64::MAX);
    assert_eq!(call(&world, LIMITS).send().await.status, 200);
    world.until_metric("orgpass_spans_total{result=\"lost\"}", 2.0).await;
    assert_eq!(collector.came(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stops_exports_what_is_left_and_does_not_wait_for_a_collector_that_is_not_there() {
    let collector = Collector::start().await;
    let mut world = traced(&collector, "").await;
    world.connect("acme", None).await;
    assert_eq!(call(&world, LIMITS).header("traceparent", sampled()).send().await.status, 200);
    assert!(world.stop().await);
    assert_eq!(collector.spans().len(), 2);

    let nobody = HeldPort::new();
    let mut world = World::configured(&format!("[traces]\nendpoint = \"http://{}\"", nobody.address())).await;
    world.connect("acme", None).await;
    assert_eq!(call(&world, LIMITS).send().await.status, 200);
    assert!(world.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stops_waits_for_a_collector_that_hangs_for_seconds_only() {
    let collector = Collector::start().await;
    collector.hold(true);
    let mut world = traced(&collector, "").await;
    world.connect("acme", None).await;
    assert_eq!(call(&world, LIMITS).send().await.status, 200);
    eventually("the export hangs", async || collector.came() == 1).await;
    assert_eq!(call(&world, LIMITS).send().await.status, 200);
    let stopped = tokio::time::timeout(Duration::from_secs(30), world.stop()).await;
    assert_eq!(stopped, Ok(true), "calls were finished all the same");
    assert_eq!(collector.spans().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_behind_tls_gets_the_headers_of_the_file_and_nobody_else_sees_them() {
    const KEY: &str = "collector-key-hbGciOiJIUzI1NiIsInR5cCI6";
    let authority = Authority::new();
    let collector = Collector::start_tls(&authority).await;
    let file = authority.file("collector-headers");
    std::fs::write(&file, format!("# ours\nAuthorization: Bearer {KEY}\n")).unwrap();
    let trusts = format!("[salesforce]\nca_file = \"{}\"\n", authority.file("local-ca.pem").display());
    let world = traced(&collector, &format!("headers_file = \"{}\"\n{trusts}", file.display())).await;
    world.connect("acme", None).await;
    assert_eq!(call(&world, LIMITS).header("traceparent", sampled()).send().await.status, 200);
    collector.trace(TRACE, 2).await;
    assert_eq!(collector.headers()[0]["authorization"], format!("Bearer {KEY}"));
    assert!(!format!("{:?}", world.config).contains(KEY));
    assert_eq!(world.events_about(KEY), [""; 0]);
    collector.search(&world, &[KEY]);
}
