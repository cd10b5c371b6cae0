//! What the streaming API refuses, and in which words.

use std::time::Duration;

use salesforce_sim::{ApiFamily, AppOptions};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bayeux::Bayeux;
use crate::World;
use crate::client::send;

#[tokio::test]
async fn a_client_without_its_cookies_is_unknown() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    let both = client.cookie.clone();
    let (stream, browser) = both.split_once("; ").unwrap();
    for (cookie, error) in [
        ("", "403::Unknown client".to_owned()),
        (browser, "403::Unknown client".to_owned()),
        (
            stream,
            format!(
                "400::Client {} has established a session, but no BAYEUX_BROWSER cookie present",
                client.client_id.as_str().unwrap()
            ),
        ),
    ] {
        cookie.clone_into(&mut client.cookie);
        let refused = client.connect().await;
        assert_eq!((&refused[0]["successful"], &refused[0]["error"]), (&json!(false), &json!(error)));
        assert_eq!(refused[0]["advice"], json!({"interval": 0, "reconnect": "handshake"}));
    }
    client.cookie = both;
    assert_eq!(client.subscribe("/event/Order__e", -1).await["successful"], true);
}

#[tokio::test]
async fn clients_of_one_jar_share_its_cookies() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    let before = client.cookie.clone();
    client.handshake().await;
    assert_eq!(client.cookie, before);
    assert_eq!(client.connect().await[0]["successful"], true);
}

#[tokio::test]
async fn a_client_that_does_not_poll_for_40_seconds_is_forgotten() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    world.sim.advance(Duration::from_secs(20));
    assert_eq!(client.subscribe("/event/Order__e", -1).await["successful"], true);
    world.sim.advance(Duration::from_secs(21));
    assert_eq!(client.connect().await[0]["error"], "403::Unknown client");

    let client = Bayeux::connected(&world).await;
    let polling = client.poll();
    world.sim.wait_for(|request| request.body_complete && request.status.is_none(), 1).await;
    world.sim.advance(Duration::from_secs(60));
    let mut other = client.clone();
    assert_eq!(other.subscribe("/event/Order__e", -1).await["successful"], true);
    assert!(!polling.is_finished());
}

#[tokio::test]
async fn a_client_whose_poll_was_given_up_is_idle() {
    let world = World::new(AppOptions::default()).await;
    let client = Bayeux::connected(&world).await;
    let url = world.org.instance_url();
    let mut stream = TcpStream::connect(&url["http://".len()..]).await.unwrap();
    let body = client.message("/meta/connect").to_string();
    let (authorization, cookie) = (client.authorization.as_deref().unwrap(), &client.cookie);
    let request = format!(
        "POST /cometd/59.0 HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nCookie: {cookie}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    world.sim.wait_for(|request| request.body_complete && request.status.is_none(), 1).await;
    drop(stream);
    let forgotten = async {
        // The simulator notices in its own time that nobody is there any more.
        loop {
            world.sim.advance(Duration::from_secs(41));
            let mut again = client.clone();
            if again.subscribe("/event/Order__e", -1).await["error"] == "403::Unknown client" {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), forgotten).await.unwrap();
}

#[tokio::test]
async fn another_users_client_is_unknown() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    let other = world.sim.create_user(&world.org, "ben@acme.example");
    let tokens = world.sim.authorize(&world.app, &other);
    client.authorization = Some(format!("Bearer {}", tokens.access_token));
    assert_eq!(client.connect().await[0]["error"], "403::Unknown client");
}

#[tokio::test]
async fn a_dead_session_and_no_token_are_told_apart() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    world.sim.expire_sessions(&world.org);
    let dead = client.connect().await;
    assert_eq!(dead[0]["error"], "401::Authentication invalid");
    assert_eq!((&dead[0]["id"], &dead[0]["advice"]["reconnect"]), (&json!("1"), &json!("none")));
    let refused = client.handshake().await;
    assert_eq!(refused["error"], "403::Handshake denied");
    assert_eq!(refused["ext"]["sfdc"]["failureReason"], "401::Authentication invalid");
    assert!(world.sim.requests().iter().all(|request| request.dead && request.status == Some(200)));

    world.sim.clear_requests();
    client.authorization = None;
    assert_eq!(client.connect().await[0]["error"], "401::Request requires authentication");
    let refused = client.handshake().await;
    assert_eq!(refused["ext"]["sfdc"]["failureReason"], "401::Request requires authentication");
    assert!(world.sim.requests().iter().all(|request| !request.dead));
}

#[tokio::test]
async fn a_foreign_token_a_restriction_and_a_left_host_are_dead_sessions_here_too() {
    let world = World::new(AppOptions::default()).await;
    let error = async |client: &mut Bayeux| client.handshake().await["ext"]["sfdc"]["failureReason"].clone();
    let other = world.sim.create_org(Default::default());
    let mut client = Bayeux::of(&world);
    client.url = format!("{}/cometd/59.0/handshake", other.instance_url());
    assert_eq!(error(&mut client).await, "401::Authentication invalid");
    assert!(world.sim.requests()[0].foreign_token);

    let mut client = Bayeux::of(&world);
    world.sim.restrict_ip(&world.org, Some(ApiFamily::Streaming));
    assert_eq!(error(&mut client).await, "401::Authentication invalid");
    world.sim.lift_ip_restriction(&world.org);
    world.sim.move_org(&world.org);
    assert_eq!(error(&mut client).await, "401::Authentication invalid");
    assert_eq!(Bayeux::of(&world).handshake().await["successful"], true);
}

#[tokio::test]
async fn a_body_of_32_kib_is_the_most() {
    let world = World::new(AppOptions::default()).await;
    let client = Bayeux::connected(&world).await;
    let padded = |length: usize| {
        let mut message = client.message("/meta/subscribe");
        message["subscription"] = "/event/Order__e".into();
        message["pad"] = "".into();
        let empty = message.to_string().len();
        message["pad"] = "x".repeat(length - empty).into();
        message.to_string()
    };
    assert_eq!(client.post(padded(32_768)).await.unwrap().json()[0]["successful"], true);
    let refused = client.post(padded(32_769)).await.unwrap();
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("Maximum Request Size Exceeded"));
}

#[tokio::test]
async fn what_is_no_post_of_messages_is_refused() {
    let world = World::new(AppOptions::default()).await;
    let client = Bayeux::connected(&world).await;
    for body in ["", "no", "[1]", r#"{"id":"1"}"#] {
        assert_eq!(client.post(body.to_owned()).await.unwrap().status, 400, "{body}");
    }
    let url = world.org.instance_url();
    assert_eq!(send("POST", &format!("{url}/cometd/new"), &[], "[]").await.unwrap().status, 404);
    let mut stream = TcpStream::connect(&url["http://".len()..]).await.unwrap();
    let probe = "GET /cometd/59.0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    stream.write_all(probe.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}

#[tokio::test]
async fn channels_that_do_not_exist_and_publishing_are_refused() {
    let world = World::new(AppOptions::default()).await;
    let mut client = Bayeux::connected(&world).await;
    for channel in ["/event/Order", "/topic/*", "/meta/connect", "x"] {
        let error = client.subscribe(channel, -1).await["error"].as_str().unwrap().to_owned();
        assert!(error.contains("does not exist"), "{error}");
    }
    for from in [-3, 0, 5] {
        let error = client.subscribe("/event/Order__e", from).await["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with("400::The replayId"), "{error}");
    }
    let mut publish = client.message("/event/Order__e");
    publish["data"] = json!({"Number__c": "1"});
    assert_eq!(client.send(&publish).await[0]["error"], "403::Publish denied");
}
