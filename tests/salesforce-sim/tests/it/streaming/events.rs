//! What subscribers get, and from where on.

use std::time::Duration;

use salesforce_sim::AppOptions;
use serde_json::{Value, json};

use super::bayeux::Bayeux;
use crate::World;
use crate::client::send;

const ORDERS: &str = "/event/Order__e";
const HOUR: Duration = Duration::from_secs(60 * 60);

fn numbers(answer: &[Value]) -> Vec<&str> {
    answer.iter().filter_map(|message| message["data"]["payload"]["Number__c"].as_str()).collect()
}

impl World {
    fn order(&self, number: &str) -> i64 {
        let replay_id = self.sim.publish(&self.org, ORDERS, json!({"Number__c": number}));
        i64::try_from(replay_id).unwrap()
    }
}

#[tokio::test]
async fn a_subscription_begins_at_the_end_at_the_start_or_after_an_event() {
    let world = World::new(AppOptions::default()).await;
    let first = world.order("1");
    world.order("2");
    let mut clients = Vec::new();
    for from in [-2, first, -1] {
        let mut client = Bayeux::connected(&world).await;
        let reply = client.subscribe(ORDERS, from).await;
        assert_eq!((&reply["successful"], &reply["subscription"]), (&json!(true), &json!(ORDERS)));
        clients.push(client);
    }
    world.order("3");
    let expected = [vec!["1", "2", "3"], vec!["2", "3"], vec!["3"]];
    for (client, expected) in clients.iter_mut().zip(expected) {
        assert_eq!(numbers(&client.connect().await), expected);
    }
    world.order("4");
    for client in &mut clients {
        assert_eq!(numbers(&client.connect().await), ["4"]);
    }
}

#[tokio::test]
async fn an_event_is_kept_for_three_days() {
    let world = World::new(AppOptions::default()).await;
    let old = world.order("1");
    world.sim.advance(71 * HOUR);
    let young = world.order("2");
    assert!(young > old);
    world.sim.advance(HOUR);
    let fresh = world.sim.authorize(&world.app, &world.user);
    let mut client = Bayeux::of(&world);
    client.authorization = Some(format!("Bearer {}", fresh.access_token));
    client.handshake().await;
    let refused = client.subscribe(ORDERS, old).await;
    assert_eq!((&refused["successful"], &refused["subscription"]), (&json!(false), &json!(ORDERS)));
    let error = refused["error"].as_str().unwrap();
    assert!(error.starts_with(&format!("400::The replayId {{{old}}} you provided was invalid.")), "{error}");
    client.subscribe(ORDERS, -2).await;
    assert_eq!(numbers(&client.connect().await), ["2"]);
}

#[tokio::test]
async fn whoever_goes_on_from_its_last_event_after_its_session_died_misses_none() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    client.subscribe(ORDERS, -1).await;
    world.order("1");
    let seen = client.connect().await;
    let last = seen[0]["data"]["event"]["replayId"].as_i64().unwrap();
    let polling = client.poll();
    world.sim.wait_for(|request| request.body_complete && request.status.is_none(), 1).await;
    world.sim.expire_sessions(&world.org);
    let ended = polling.await.unwrap();
    assert_eq!(ended[0]["error"], "401::Authentication invalid");
    assert_eq!(ended[0]["advice"], json!({"interval": 0, "reconnect": "none"}));
    world.order("2");
    world.order("3");

    let fresh = world.sim.authorize(&world.app, &world.user);
    client.authorization = Some(format!("Bearer {}", fresh.access_token));
    let unknown = client.connect().await;
    assert_eq!(unknown[0]["error"], "403::Unknown client");
    assert_eq!(unknown[0]["advice"], json!({"interval": 0, "reconnect": "handshake"}));
    client.handshake().await;
    client.subscribe(ORDERS, last).await;
    assert_eq!(numbers(&client.connect().await), ["2", "3"]);
    world.order("4");
    assert_eq!(numbers(&client.connect().await), ["4"]);
}

#[tokio::test]
async fn a_record_of_an_event_is_published() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    client.subscribe(ORDERS, -1).await;
    let bearer = format!("Bearer {}", world.tokens.access_token);
    let url = format!("{}/services/data/v67.0/sobjects/Order__e", world.org.instance_url());
    let created = send("POST", &url, &[("authorization", &bearer)], r#"{"Number__c":"1"}"#).await.unwrap();
    assert_eq!(created.status, 201);
    let created = created.json();
    assert_eq!(created["errors"][0]["statusCode"], "OPERATION_ENQUEUED");
    let data = &client.connect().await[0]["data"];
    assert_eq!(data["event"]["EventUuid"], created["errors"][0]["message"]);
    assert_eq!(data["payload"]["CreatedById"], json!(world.user.user_id));
    assert_eq!(data["schema"].as_str().unwrap().len(), 22);
}

#[tokio::test]
async fn topics_and_events_are_published_over_the_control_api_and_come_in_order() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    client.subscribe("/topic/Accounts", -1).await;
    client.subscribe(ORDERS, -1).await;
    let publish = async |channel: &str, events: Value| {
        let body = json!({"org_id": world.org.org_id(), "channel": channel, "events": events}).to_string();
        let url = format!("{}/__sim/events", world.sim.url());
        send("POST", &url, &[], body).await.unwrap()
    };
    let ids = publish(ORDERS, json!([{"Number__c": "1"}, {"Number__c": "2"}])).await.json();
    let one = publish("/topic/Accounts", json!([{"Id": "001"}])).await.json();
    assert_eq!(publish("/meta/x", json!([])).await.status, 404);
    let answer = client.connect().await;
    let told: Vec<&Value> = answer[..3].iter().map(|message| &message["data"]["event"]["replayId"]).collect();
    assert_eq!(told, [&ids["replay_ids"][0], &ids["replay_ids"][1], &one["replay_ids"][0]]);
    assert_eq!(answer[2]["data"]["sobject"]["Id"], "001");
}

#[tokio::test]
async fn whoever_unsubscribes_gets_no_more() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    client.subscribe(ORDERS, -1).await;
    client.subscribe("/topic/Accounts", -1).await;
    let mut message = client.message("/meta/unsubscribe");
    message["subscription"] = ORDERS.into();
    assert_eq!(client.send(&message).await[0]["successful"], true);
    world.order("1");
    world.sim.publish(&world.org, "/topic/Accounts", json!({}));
    let answer = client.connect().await;
    assert_eq!((answer.len(), &answer[0]["channel"]), (2, &json!("/topic/Accounts")));
}

#[tokio::test]
async fn an_event_created_over_soap_or_bulk_is_published_too() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    client.subscribe(ORDERS, -1).await;
    let (url, token) = (world.org.instance_url(), &world.tokens.access_token);
    let soap = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\">\
         <e:Header><SessionHeader><sessionId>{token}</sessionId></SessionHeader></e:Header><e:Body><create><sObjects>\
         <type>Order__e</type><Number__c>1</Number__c></sObjects></create></e:Body></e:Envelope>"
    );
    let headers = [("content-type", "text/xml"), ("soapaction", "\"\"")];
    let created = send("POST", &format!("{url}/services/Soap/u/64.0"), &headers, soap).await.unwrap();
    assert!(created.text().contains("<success>true</success>"), "{}", created.text());

    let headers = [("x-sfdc-session", token.as_str()), ("content-type", "application/json")];
    let bulk = async |path: &str, body: &str| {
        let url = format!("{url}/services/async/64.0/job{path}");
        send("POST", &url, &headers, body.to_owned()).await.unwrap().json()
    };
    let job = bulk("", r#"{"operation":"insert","object":"Order__e","contentType":"JSON"}"#).await;
    let batch = format!("/{}/batch", job["id"].as_str().unwrap());
    bulk(&batch, r#"[{"Number__c":"2"}]"#).await;
    assert_eq!(numbers(&client.connect().await), ["1", "2"]);
}
