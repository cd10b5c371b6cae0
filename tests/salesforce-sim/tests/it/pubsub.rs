//! The Pub/Sub API, called over HTTP/2 and TLS.

mod grpc;
mod refusing;

use std::time::Duration;

use salesforce_sim::AppOptions;
use salesforce_sim::eventbus::{
    ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, PublishRequest, PublishResponse, ReplayPreset,
    SchemaInfo, SchemaRequest, TopicInfo, TopicRequest,
};
use serde_json::{Value, json};

use crate::World;
use grpc::{Client, Failure};

const ORDERS: &str = "/event/Order__e";

/// A subscription from somewhere on, to so many events.
fn fetch(preset: ReplayPreset, replay_id: &[u8], num_requested: i32) -> FetchRequest {
    FetchRequest {
        topic_name: ORDERS.to_owned(),
        replay_preset: preset.into(),
        replay_id: replay_id.to_vec(),
        num_requested,
    }
}

/// As many more on a stream that is open.
fn more(num_requested: i32) -> FetchRequest {
    FetchRequest { num_requested, ..FetchRequest::default() }
}

/// What Avro makes of an order without a date and a creator, and one digit for a number.
fn order(number: u8) -> Vec<u8> {
    vec![0, 0, 2, 2, b'0' + number]
}

/// The last digit of each event's number.
fn numbers(events: &[ConsumerEvent]) -> Vec<u8> {
    events.iter().map(|event| event.event.as_ref().unwrap().payload.last().unwrap() - b'0').collect()
}

impl World {
    async fn with_orders() -> Self {
        let world = Self::new(AppOptions::default()).await;
        world.sim.define_event(&world.org, ORDERS, json!({"Number__c": "text"}));
        world
    }

    fn publish(&self, numbers: std::ops::RangeInclusive<u8>) -> Vec<u64> {
        let order = |number: u8| self.sim.publish(&self.org, ORDERS, json!({"Number__c": number.to_string()}));
        numbers.map(order).collect()
    }
}

#[tokio::test]
async fn a_topic_has_a_schema_by_which_events_are_published_and_read() {
    let world = World::with_orders().await;
    let client = Client::of(&world);
    let asked = TopicRequest { topic_name: ORDERS.to_owned() };
    let topic: TopicInfo = client.call("GetTopic", &asked).await.unwrap();
    assert_eq!((topic.can_publish, topic.can_subscribe, topic.tenant_guid.as_str()), (true, true, world.org.org_id()));
    let asked = SchemaRequest { schema_id: topic.schema_id.clone() };
    let schema: SchemaInfo = client.call("GetSchema", &asked).await.unwrap();
    let avro: Value = serde_json::from_str(&schema.schema_json).unwrap();
    let names: Vec<&Value> = avro["fields"].as_array().unwrap().iter().map(|field| &field["name"]).collect();
    assert_eq!(names, ["CreatedDate", "CreatedById", "Number__c"]);

    let event = |id: &str, payload| ProducerEvent { id: id.to_owned(), schema_id: topic.schema_id.clone(), payload };
    let events = vec![event("a", order(1)), event("b", vec![9])];
    let request = PublishRequest { topic_name: ORDERS.to_owned(), events };
    let published: PublishResponse = client.call("Publish", &request).await.unwrap();
    let told: Vec<(&str, bool)> =
        published.results.iter().map(|result| (result.correlation_key.as_str(), result.error.is_none())).collect();
    assert_eq!(told, [("a", true), ("b", false)]);

    let mut stream = client.open("Subscribe", &fetch(ReplayPreset::Earliest, &[], 5)).await.unwrap();
    let response: FetchResponse = stream.next().await.unwrap();
    let read = response.events[0].event.as_ref().unwrap();
    assert_eq!((read.id.as_str(), &read.schema_id), ("a", &topic.schema_id));
    assert_eq!(response.events[0].replay_id, published.results[0].replay_id);
    let user_id = world.user.user_id.as_bytes();
    assert!(read.payload.windows(user_id.len()).any(|part| part == user_id));
    assert!(read.payload.ends_with(&order(1)[2..]));
}

#[tokio::test]
async fn no_more_events_come_than_were_asked_for() {
    let world = World::with_orders().await;
    let client = Client::of(&world);
    world.publish(1..=3);
    let mut stream = client.open("Subscribe", &fetch(ReplayPreset::Earliest, &[], 2)).await.unwrap();
    let first: FetchResponse = stream.next().await.unwrap();
    assert_eq!((numbers(&first.events), first.pending_num_requested), (vec![1, 2], 0));
    stream.send(&more(1)).await;
    let second: FetchResponse = stream.next().await.unwrap();
    assert_eq!(numbers(&second.events), [3]);
    stream.send(&more(4)).await;
    stream.send(&more(4)).await;
    world.publish(4..=4);
    let third: FetchResponse = stream.next().await.unwrap();
    assert_eq!(numbers(&third.events), [4]);
    assert_eq!(third.latest_replay_id, third.events[0].replay_id);
    assert_eq!(stream.end().await, Ok(()));
}

#[tokio::test]
async fn a_subscription_to_what_is_new_gets_nothing_old() {
    let world = World::with_orders().await;
    world.publish(1..=1);
    world.sim.keep_alive_after(Duration::from_millis(50));
    let client = Client::of(&world);
    let mut stream = client.open("Subscribe", &fetch(ReplayPreset::Latest, &[], 9)).await.unwrap();
    let alive: FetchResponse = stream.next().await.unwrap();
    assert_eq!((alive.events.len(), alive.pending_num_requested), (0, 9));
    world.sim.keep_alive_after(Duration::from_secs(270));
    let ids = world.publish(2..=2);
    loop {
        let response: FetchResponse = stream.next().await.unwrap();
        if !response.events.is_empty() {
            assert_eq!(numbers(&response.events), [2]);
            assert_eq!(response.latest_replay_id, ids[0].to_be_bytes());
            break;
        }
    }
    // The place that a sign of life has told is as good as an event's.
    let custom = fetch(ReplayPreset::Custom, &alive.latest_replay_id, 9);
    let mut again = client.open("Subscribe", &custom).await.unwrap();
    let response: FetchResponse = again.next().await.unwrap();
    assert_eq!(numbers(&response.events), [2]);
}

#[tokio::test]
async fn whoever_goes_on_from_its_last_event_after_its_session_died_misses_none() {
    let world = World::with_orders().await;
    let mut stream = Client::of(&world).open("Subscribe", &fetch(ReplayPreset::Earliest, &[], 100)).await.unwrap();
    world.publish(1..=1);
    let first = stream.next::<FetchResponse>().await;
    world.sim.expire_sessions(&world.org);
    world.publish(2..=3);
    let mut seen = first.unwrap().events;
    let ended = loop {
        match stream.next::<FetchResponse>().await {
            Ok(response) => seen.extend(response.events),
            Err(failure) => break failure,
        }
    };
    assert_eq!(ended, Failure::unauthenticated());
    let fresh = world.sim.authorize(&world.app, &world.user);
    let custom = fetch(ReplayPreset::Custom, &seen.last().unwrap().replay_id, 100);
    let mut again = Client::with(&world, &fresh.access_token).open("Subscribe", &custom).await.unwrap();
    while seen.len() < 3 {
        seen.extend(again.next::<FetchResponse>().await.unwrap().events);
    }
    assert_eq!(numbers(&seen), [1, 2, 3]);
}

#[tokio::test]
async fn a_stream_publishes_batch_after_batch() {
    let world = World::with_orders().await;
    let client = Client::of(&world);
    let asked = TopicRequest { topic_name: ORDERS.to_owned() };
    let topic: TopicInfo = client.call("GetTopic", &asked).await.unwrap();
    let batch = |topic_name: &str, numbers: &[u8]| PublishRequest {
        topic_name: topic_name.to_owned(),
        events: numbers
            .iter()
            .map(|number| ProducerEvent {
                id: number.to_string(),
                schema_id: topic.schema_id.clone(),
                payload: order(*number),
            })
            .collect(),
    };
    let mut stream = client.open("PublishStream", &batch(ORDERS, &[1, 2])).await.unwrap();
    let first: PublishResponse = stream.next().await.unwrap();
    assert_eq!(first.results.len(), 2);
    stream.send(&batch("", &[3])).await;
    let second: PublishResponse = stream.next().await.unwrap();
    assert!(first.results[1].replay_id < second.results[0].replay_id);
    stream.send(&batch("/event/Other__e", &[4])).await;
    let refused = stream.next::<PublishResponse>().await;
    assert_eq!(refused, Err(Failure::new(3, "publish.topic.mismatch")));
    let mut reader = client.open("Subscribe", &fetch(ReplayPreset::Earliest, &[], 9)).await.unwrap();
    assert_eq!(numbers(&reader.next::<FetchResponse>().await.unwrap().events), [1, 2, 3]);
}

#[tokio::test]
async fn the_record_holds_each_call_with_its_metadata_and_its_end() {
    let world = World::with_orders().await;
    let mut stream = Client::of(&world).open("Subscribe", &fetch(ReplayPreset::Latest, &[], 1)).await.unwrap();
    let open = &world.sim.wait_for(|request| request.status.is_some(), 1).await[0];
    assert_eq!(open.path(), "/eventbus.v1.PubSub/Subscribe");
    assert_eq!(open.org.as_deref(), Some(world.org.org_id()));
    assert_eq!(open.access_token.as_deref(), Some(world.tokens.access_token.as_str()));
    assert_eq!(open.header("tenantid"), Some(world.org.org_id()));
    assert_eq!((open.status, open.grpc_status, open.dead), (Some(200), None, false));
    world.sim.expire_session(&world.tokens.access_token);
    assert_eq!(stream.next::<FetchResponse>().await, Err(Failure::unauthenticated()));
    let ended = &world.sim.wait_for(|request| request.grpc_status.is_some(), 1).await[0];
    assert_eq!((ended.grpc_status, ended.dead), (Some(16), true));
}
