//! The streaming API, spoken to by a small Bayeux client.

mod bayeux;
mod events;
mod refusing;

use std::time::Duration;

use salesforce_sim::AppOptions;
use serde_json::{Value, json};

use crate::World;
use bayeux::Bayeux;

/// Longer than any test holds a poll that is to end by itself.
const LONG: Duration = Duration::from_secs(110);

#[tokio::test]
async fn a_handshake_and_a_first_connect_say_how_to_go_on() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::of(&world);
    let greeting = client.handshake().await;
    assert_eq!(greeting["successful"], true);
    assert_eq!(greeting["supportedConnectionTypes"], json!(["long-polling"]));
    assert_eq!(greeting["ext"]["replay"], true);
    let first = client.connect().await;
    assert_eq!(first[0]["advice"], json!({"interval": 0, "timeout": 110_000, "reconnect": "retry"}));
    assert_eq!(first[0]["clientId"], greeting["clientId"]);
}

#[tokio::test]
async fn a_poll_is_held_until_an_event_comes() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    client.subscribe("/event/Order__e", -1).await;
    let polling = client.poll();
    world.sim.wait_for(|request| request.body_complete && request.status.is_none(), 1).await;
    assert!(!polling.is_finished());
    let replay_id = world.sim.publish(&world.org, "/event/Order__e", json!({"Number__c": "17"}));
    let answer = polling.await.unwrap();
    assert_eq!(answer[0]["channel"], "/event/Order__e");
    let data = &answer[0]["data"];
    assert_eq!((&data["payload"]["Number__c"], &data["event"]["replayId"]), (&json!("17"), &json!(replay_id)));
    assert!(data["payload"]["CreatedDate"].as_str().unwrap().ends_with('Z'));
    assert_eq!((&answer[1]["channel"], &answer[1]["successful"]), (&json!("/meta/connect"), &json!(true)));
}

#[tokio::test]
async fn a_poll_without_an_event_ends_when_its_time_is_up() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    world.sim.hold_polls(Duration::from_millis(80));
    let answer = client.connect().await;
    assert_eq!(answer.len(), 1);
    assert_eq!((&answer[0]["successful"], &answer[0]["advice"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn a_poll_in_a_list_or_in_haste_is_not_held() {
    let world = World::new(AppOptions::default()).await;
    world.sim.hold_polls(LONG);
    let mut client = Bayeux::connected(&world).await;
    let connect = client.message("/meta/connect");
    let mut subscribe = client.message("/meta/subscribe");
    subscribe["subscription"] = "/topic/Accounts".into();
    let both = client.send(&json!([connect, subscribe])).await;
    let told: Vec<&Value> = both.iter().map(|reply| &reply["channel"]).collect();
    assert_eq!(told, ["/meta/connect", "/meta/subscribe"]);
    let mut hasty = client.message("/meta/connect");
    hasty["advice"] = json!({"timeout": 0});
    assert_eq!(client.send(&hasty).await[0]["successful"], true);
}

#[tokio::test]
async fn a_second_poll_ends_the_first() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    let first = client.poll();
    world.sim.wait_for(|request| request.body_complete && request.status.is_none(), 1).await;
    let second = client.poll();
    assert_eq!(first.await.unwrap()[0]["successful"], true);
    let disconnect = client.message("/meta/disconnect");
    assert_eq!(client.send(&disconnect).await[0]["successful"], true);
    assert_eq!(second.await.unwrap()[0]["advice"]["reconnect"], "none");
}

#[tokio::test]
async fn a_cut_breaks_the_poll_and_loses_nothing() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    client.subscribe("/event/Order__e", -1).await;
    let polling = client.try_poll();
    world.sim.wait_for(|request| request.body_complete && request.status.is_none(), 1).await;
    world.sim.cut_streams();
    assert!(polling.await.unwrap().is_err());
    world.sim.publish(&world.org, "/event/Order__e", json!({"Number__c": "1"}));
    assert_eq!(client.connect().await[0]["data"]["payload"]["Number__c"], "1");
}
