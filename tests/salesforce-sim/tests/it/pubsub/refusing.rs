//! What the Pub/Sub API refuses, and what goes wrong by script.

use std::time::Duration;

use salesforce_sim::eventbus::{
    FetchResponse, PublishRequest, PublishResponse, ReplayPreset, SchemaInfo, SchemaRequest,
};
use salesforce_sim::eventbus::{TopicInfo, TopicRequest};
use salesforce_sim::{ApiFamily, Effect, Fault};

use super::grpc::{Client, Failure, tls};
use super::{ORDERS, fetch, more};
use crate::World;

/// Below this, calls go.
const CALLS: &str = "/eventbus.v1.PubSub";

async fn topic(client: &Client) -> Result<TopicInfo, Failure> {
    client.call("GetTopic", &TopicRequest { topic_name: ORDERS.to_owned() }).await
}

#[tokio::test]
async fn token_instance_and_tenant_have_to_fit_each_other() {
    let world = World::with_orders().await;
    let other = world.sim.create_org(Default::default());
    let good = Client::of(&world);
    let my_domain = format!("https://{}", world.org.my_domain());
    let short = world.org.org_id()[..15].to_owned();
    for (place, value) in [(1, my_domain), (2, short)] {
        let mut client = good.clone();
        client.metadata[place].1 = value;
        assert!(topic(&client).await.is_ok(), "{:?}", client.metadata);
    }
    let wrong = [
        (0, "00Dxx!wrong".to_owned()),
        (0, format!("Bearer {}", world.tokens.access_token)),
        (1, other.instance_url()),
        (1, world.sim.url()),
        (1, String::new()),
        (2, other.org_id().to_owned()),
        (2, "00Dxx0000001gPLEAY".to_owned()),
        (2, String::new()),
    ];
    for (place, value) in wrong {
        let mut client = good.clone();
        client.metadata[place].1 = value;
        assert_eq!(topic(&client).await, Err(Failure::unauthenticated()), "{:?}", client.metadata);
    }
    for place in 0..3 {
        let mut client = good.clone();
        client.metadata.remove(place);
        assert_eq!(topic(&client).await, Err(Failure::unauthenticated()));
    }
    let mut foreign = good;
    foreign.metadata[1].1 = other.instance_url();
    foreign.metadata[2].1 = other.org_id().to_owned();
    assert_eq!(topic(&foreign).await, Err(Failure::unauthenticated()));
    assert!(world.sim.requests().last().unwrap().foreign_token);
}

#[tokio::test]
async fn a_moved_org_is_found_by_its_new_instance_only() {
    let world = World::with_orders().await;
    let before = Client::of(&world);
    world.sim.move_org(&world.org);
    assert_eq!(topic(&before).await, Err(Failure::unauthenticated()));
    assert!(topic(&Client::of(&world)).await.is_ok());
}

#[tokio::test]
async fn a_restriction_ends_streams_and_refuses_calls_of_this_api() {
    let world = World::with_orders().await;
    let client = Client::of(&world);
    let mut stream = client.open("Subscribe", &fetch(ReplayPreset::Latest, &[], 1)).await.unwrap();
    world.sim.restrict_ip(&world.org, Some(ApiFamily::PubSub));
    assert_eq!(stream.next::<FetchResponse>().await, Err(Failure::unauthenticated()));
    assert_eq!(topic(&client).await, Err(Failure::unauthenticated()));
    assert_eq!(world.call(&world.tokens.access_token).await, 200);
}

#[tokio::test]
async fn a_place_that_is_not_kept_is_no_place_to_go_on_from() {
    let world = World::with_orders().await;
    let old = world.publish(1..=1)[0];
    world.sim.advance(Duration::from_secs(72 * 60 * 60));
    let fresh = world.sim.authorize(&world.app, &world.user);
    let client = Client::with(&world, &fresh.access_token);
    let corrupted = Failure::new(3, "subscription.fetch.replayid.corrupted");
    let missing = Failure::new(3, "subscription.fetch.replayid.validation.failed");
    let cases = [(old.to_be_bytes().to_vec(), &corrupted), (b"7".to_vec(), &corrupted), (Vec::new(), &missing)];
    for (replay_id, expected) in cases {
        let mut stream = client.open("Subscribe", &fetch(ReplayPreset::Custom, &replay_id, 1)).await.unwrap();
        assert_eq!(stream.next::<FetchResponse>().await.as_ref(), Err(expected), "{replay_id:?}");
    }
}

#[tokio::test]
async fn requests_that_ask_for_nothing_or_for_what_is_not_there_are_refused() {
    let world = World::with_orders().await;
    let client = Client::of(&world);
    let refused = async |request| {
        let mut stream = client.open("Subscribe", &request).await.unwrap();
        stream.next::<FetchResponse>().await.unwrap_err()
    };
    let latest = |num_requested| fetch(ReplayPreset::Latest, &[], num_requested);
    let none = Failure::new(3, "subscription.fetch.requested.events.invalid");
    assert_eq!(refused(latest(0)).await, none);
    assert_eq!(refused(more(1)).await, Failure::new(3, "topic.validation.empty"));
    let mut push_topic = latest(1);
    push_topic.topic_name = "/topic/Accounts".to_owned();
    assert_eq!(refused(push_topic.clone()).await, Failure::new(5, "topic.not.found"));
    let mut stream = client.open("Subscribe", &latest(1)).await.unwrap();
    stream.send(&push_topic).await;
    let mismatch = Failure::new(3, "subscription.fetch.topic.mismatch");
    assert_eq!(stream.next::<FetchResponse>().await, Err(mismatch));

    let schema = SchemaRequest { schema_id: "unknown".to_owned() };
    let unknown: Result<SchemaInfo, Failure> = client.call("GetSchema", &schema).await;
    assert_eq!(unknown, Err(Failure::new(5, "schema.meta.permission")));
    let empty = PublishRequest { topic_name: ORDERS.to_owned(), events: Vec::new() };
    let none: Result<PublishResponse, Failure> = client.call("Publish", &empty).await;
    assert_eq!(none, Err(Failure::new(3, "publish.event.count.invalid")));
    let unknown: Result<TopicInfo, Failure> = client.call("Forget", &empty).await;
    assert_eq!(unknown.unwrap_err().code, Some(12));
}

#[tokio::test]
async fn faults_strike_calls_and_running_streams() {
    let world = World::with_orders().await;
    let client = Client::of(&world);
    world.sim.fault(Fault::on_path(CALLS, Effect::EarlyAnswer).at_org(world.org.org_id()));
    assert_eq!(topic(&client).await, Err(Failure::unauthenticated()));
    for effect in [Effect::DropBeforeProcessing, Effect::ConnectionReset, Effect::LoseResponse] {
        world.sim.fault(Fault::on_path(CALLS, effect));
        assert_eq!(topic(&client).await, Err(Failure::broken()));
    }
    for effect in [Effect::Hold, Effect::HoldAnswer] {
        let held = world.sim.fault(Fault::on_path(CALLS, effect));
        let waiting = tokio::spawn({
            let client = client.clone();
            async move { topic(&client).await }
        });
        held.wait_held(1).await;
        assert!(!waiting.is_finished());
        held.release();
        assert!(waiting.await.unwrap().is_ok());
    }
    let mut stream = client.open("Subscribe", &fetch(ReplayPreset::Latest, &[], 1)).await.unwrap();
    world.sim.cut_streams();
    assert_eq!(stream.next::<FetchResponse>().await, Err(Failure::broken()));
    assert!(topic(&client).await.is_ok());
}

#[tokio::test]
async fn a_connection_that_is_drained_serves_its_calls_to_their_end_and_takes_no_more() {
    let world = World::with_orders().await;
    let client = Client::of(&world);
    let mut connection = client.connection().await;
    let latest = fetch(ReplayPreset::Earliest, &[], 9);
    let mut stream = client.open_on(&mut connection, "Subscribe", &latest).await.unwrap();
    world.sim.drain_pubsub();
    let refused = async {
        while client.open_on(&mut connection, "Subscribe", &latest).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), refused).await.unwrap();
    world.publish(1..=1);
    assert_eq!(stream.next::<FetchResponse>().await.unwrap().events.len(), 1);
    assert_eq!(stream.end().await, Ok(()));
    assert!(topic(&client).await.is_ok());
}

#[tokio::test]
async fn whoever_does_not_offer_http_2_is_not_served() {
    let world = World::with_orders().await;
    assert!(tls(&world.sim, &["h2"]).await.is_ok());
    assert!(tls(&world.sim, &["http/1.1"]).await.is_err());
}
