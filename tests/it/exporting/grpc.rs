//! Calls of the Pub/Sub API in traces: how a call of gRPC went is in its trailers, not in the status of HTTP.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use salesforce_sim::eventbus::{FetchRequest, FetchResponse, ReplayPreset, TopicInfo, TopicRequest};

use super::collector::{Collector, Span};
use super::{SPAN, TRACE, at_org, kinds, sampled, traced};
use crate::subscribing::grpc::Client;
use crate::world::{Connected, World};

const ORDERS: &str = "/event/Order__e";
const OTHER_TRACE: &str = "1af7651916cd43dd8448eb211c80319c";

async fn with_orders(collector: &Collector) -> (World, Connected, Client) {
    let world = traced(collector, "").await;
    let acme = world.connect("acme", None).await;
    world.sim.define_event(&acme.org, ORDERS, serde_json::json!({"Number__c": "text"}));
    let client = Client::in_the_clear(world.orgpass().proxy_address().unwrap(), &world.seen).await;
    (world, acme, client)
}

fn topic(name: &str) -> TopicRequest {
    TopicRequest { topic_name: name.to_owned() }
}

/// A span's code of gRPC, whether it failed, and why.
fn ending(span: &Span) -> (Option<String>, bool, Option<String>) {
    (span.says("rpc.response.status_code"), span.failed, span.says("error.type"))
}

fn ended(code: &str) -> (Option<String>, bool, Option<String>) {
    (Some(code.to_owned()), false, None)
}

fn failed(code: &str) -> (Option<String>, bool, Option<String>) {
    (Some(code.to_owned()), true, Some(code.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_one_message_answers_ends_with_its_code_and_each_sending_with_its_own() {
    let collector = Collector::start().await;
    let (world, acme, client) = with_orders(&collector).await;
    world.sim.expire_sessions(&acme.org);
    let client = client.tenant("acme");
    client.with("traceparent", &sampled()).call::<TopicInfo>("GetTopic", &topic(ORDERS)).await.unwrap();
    let spans = collector.trace(TRACE, 4).await;
    assert_eq!(kinds(&spans), [SpanKind::Server, SpanKind::Client, SpanKind::Internal, SpanKind::Client]);
    let [whole, first, _, second] = &spans[..] else { unreachable!() };
    assert_eq!((whole.parent.as_str(), whole.says("orgpass.api").as_deref()), (SPAN, Some("pubsub")));
    for span in [whole, first, second] {
        assert_eq!(span.name, "eventbus.v1.PubSub/GetTopic");
        assert_eq!(span.says("rpc.system.name").as_deref(), Some("grpc"));
        assert_eq!(span.says("rpc.method").as_deref(), Some("eventbus.v1.PubSub/GetTopic"));
    }
    assert_eq!([whole, first, second].map(ending), [ended("OK"), failed("UNAUTHENTICATED"), ended("OK")]);
    let calls = at_org(&world).into_iter().filter(|request| request.path().ends_with("/GetTopic"));
    let got: Vec<_> = calls.map(|request| request.header("traceparent").unwrap().to_owned()).collect();
    assert_eq!(got, [first.traceparent(), second.traceparent()]);

    let missing = client.with("traceparent", &sampled().replace(TRACE, OTHER_TRACE));
    let refused = missing.call::<TopicInfo>("GetTopic", &topic("/topic/Nothing")).await.unwrap_err();
    let spans = collector.trace(OTHER_TRACE, 2).await;
    assert_eq!(refused.code, 5);
    // It is no failure of whoever answers.
    assert_eq!([ending(&spans[0]), ending(&spans[1])], [ended("NOT_FOUND"), failed("NOT_FOUND")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_orgpass_answers_itself_has_a_code_too() {
    let collector = Collector::start().await;
    let (_world, _, client) = with_orders(&collector).await;
    let nobody = client.tenant("nobody").with("traceparent", &sampled());
    let refused = nobody.call::<TopicInfo>("GetTopic", &topic(ORDERS)).await.unwrap_err();
    let spans = collector.trace(TRACE, 1).await;
    assert_eq!(refused.short(), (7, Some("not_connected")));
    assert_eq!(ending(&spans[0]), ended("PERMISSION_DENIED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_lasts_until_its_trailers_and_the_org_and_the_caller_may_see_other_ones() {
    let collector = Collector::start().await;
    let (world, acme, client) = with_orders(&collector).await;
    world.sim.publish(&acme.org, ORDERS, serde_json::json!({"Number__c": "#1."}));
    let from = FetchRequest {
        topic_name: ORDERS.to_owned(),
        replay_preset: ReplayPreset::Earliest.into(),
        replay_id: Vec::new(),
        num_requested: 10,
    };
    let client = client.tenant("acme");
    let subscribed = client.with("traceparent", &sampled());
    let mut stream = subscribed.open("Subscribe", &from).await.unwrap();
    let _: FetchResponse = stream.next().await.unwrap();
    world.sim.expire_sessions(&acme.org);
    let ended_with = loop {
        match stream.next::<FetchResponse>().await {
            Ok(_) => {}
            Err(failure) => break failure,
        }
    };
    assert_eq!(ended_with.short(), (14, Some("stream_ended")));
    let spans = collector.trace(TRACE, 2).await;
    let (code, has_failed, why) = ending(&spans[0]);
    assert_eq!((code.as_deref(), has_failed, why.as_deref()), (Some("UNAVAILABLE"), true, Some("stream_ended")));
    assert_eq!(ending(&spans[1]), failed("UNAUTHENTICATED"));

    // Who goes away has ended the stream as it wanted to. The next session is there by then.
    client.call::<TopicInfo>("GetTopic", &topic(ORDERS)).await.unwrap();
    let subscribed = client.with("traceparent", &sampled().replace(TRACE, OTHER_TRACE));
    let mut stream = subscribed.open("Subscribe", &from).await.unwrap();
    let _: FetchResponse = stream.next().await.unwrap();
    drop(stream);
    let spans = collector.trace(OTHER_TRACE, 2).await;
    // Its own half ends first, and the org may be as quick to end the other.
    let endings = [ending(&spans[0]), ending(&spans[1])];
    let (cancelled, over) = ([ended("CANCELLED"), (None, false, None)], [ended("OK"), ended("OK")]);
    assert!(endings == cancelled || endings == over, "{endings:?}");
    assert!(spans[1].ended - spans[1].began > 0);
}
