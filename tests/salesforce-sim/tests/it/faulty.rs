//! Faults by script, and what the record says of them.

use bytes::Bytes;
use salesforce_sim::{App, AppOptions, Effect, Exchanged, Fate, Fault, RecordedRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::World;
use crate::client::{get, refresh, refreshed, send};

const LIMITS: &str = "/services/data/v67.0/limits";

#[tokio::test]
async fn a_lost_response_has_spent_the_refresh_token() {
    let world = World::new(AppOptions::default()).await;
    world.sim.fault(Fault::on_token_endpoint(Effect::LoseResponse));
    assert!(refresh(&world.sim, &world.app, &world.tokens.refresh_token).await.is_err());
    assert_eq!(world.sim.successful_exchanges(), 1);
    let again = refresh(&world.sim, &world.app, &world.tokens.refresh_token).await;
    assert_eq!(again.unwrap().status, 400);
    assert_eq!(world.sim.spent_tokens_presented(), 1);
}

#[tokio::test]
async fn a_request_dropped_unread_has_done_nothing() {
    let world = World::new(AppOptions::default()).await;
    for effect in [Effect::DropBeforeProcessing, Effect::ConnectionReset] {
        world.sim.fault(Fault::on_token_endpoint(effect));
        assert!(refresh(&world.sim, &world.app, &world.tokens.refresh_token).await.is_err());
    }
    for effect in [Effect::HtmlMaintenance(200), Effect::Status(503, "[]".to_owned()), Effect::AlreadyBeingProcessed] {
        world.sim.fault(Fault::on_token_endpoint(effect));
        refresh(&world.sim, &world.app, &world.tokens.refresh_token).await.unwrap();
    }
    assert_eq!((world.sim.exchanges(), world.sim.successful_exchanges()), (3, 0));
    refreshed(&world.sim, &world.app, &world.tokens.refresh_token).await;
}

#[tokio::test]
async fn a_truncated_answer_announces_more_than_it_sends() {
    let world = World::new(AppOptions::default()).await;
    world.sim.fault(Fault::on_path("/services/data", Effect::TruncatedBody));
    let bearer = format!("Bearer {}", world.tokens.access_token);
    let url = format!("{}{LIMITS}", world.org.instance_url());
    let broken = send("GET", &url, &[("authorization", &bearer)], "").await;
    assert!(broken.is_err());
    assert_eq!(world.sim.requests()[0].status, Some(200));
}

#[tokio::test]
async fn an_early_answer_comes_before_the_body_has_been_read() {
    let world = World::new(AppOptions::default()).await;
    world.sim.fault(Fault::on_path("/services/apexrest", Effect::EarlyAnswer));
    let url = world.org.instance_url();
    let mut stream = TcpStream::connect(&url["http://".len()..]).await.unwrap();
    let head = "POST /services/apexrest/sink HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf ";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
    let answered = |request: &RecordedRequest| request.dead && !request.body_complete;
    world.sim.wait_for(answered, 1).await;

    stream.write_all(b"whole").await.unwrap();
    let whole = world.sim.wait_for(|request| request.body_complete, 1).await;
    assert_eq!(whole[0].body.as_deref(), Some(b"half whole".as_slice()));
}

#[tokio::test]
async fn half_a_body_is_recorded_as_half() {
    let world = World::new(AppOptions::default()).await;
    let url = world.org.instance_url();
    let mut stream = TcpStream::connect(&url["http://".len()..]).await.unwrap();
    let head = format!(
        "POST /services/apexrest/sink HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 10\r\n\r\nhalf ",
        world.tokens.access_token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    world.sim.wait_for(|_| true, 1).await;
    drop(stream);
    let half = |request: &RecordedRequest| request.body_length == 5;
    let request = &world.sim.wait_for(half, 1).await[0];
    assert!(!request.body_complete && request.status.is_none());
}

#[tokio::test]
async fn a_trickle_waits_for_the_test() {
    let world = World::new(AppOptions::default()).await;
    let url = world.org.instance_url();
    let mut stream = TcpStream::connect(&url["http://".len()..]).await.unwrap();
    let head = format!(
        "GET /services/apexrest/trickle?chunks=3 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        world.tokens.access_token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    for chunk in 0..3 {
        while !text.contains(&format!("chunk {chunk}\n")) {
            assert!(!text.contains(&format!("chunk {}", chunk + 1)));
            let mut some = [0; 1024];
            let read = stream.read(&mut some).await.unwrap();
            assert_ne!(read, 0, "{text}");
            text.push_str(std::str::from_utf8(&some[..read]).unwrap());
        }
        world.sim.release_trickle(1);
    }
}

#[tokio::test]
async fn a_fault_strikes_where_and_as_often_as_it_says() {
    let world = World::new(AppOptions::default()).await;
    let other = world.sim.create_org(Default::default());
    let fault = Fault::on_path("/services/data", Effect::Status(500, "[]".to_owned()));
    let active = world.sim.fault(fault.at_org(world.org.org_id()).times(2));
    let token = &world.tokens.access_token;
    assert_eq!(get(&other.instance_url(), LIMITS, token).await.status, 401);
    assert_eq!(world.call(token).await, 500);
    assert_eq!(world.call(token).await, 500);
    assert_eq!(world.call(token).await, 200);
    assert_eq!(active.struck(), 2);
}

#[tokio::test]
async fn an_echoed_token_is_in_the_header_or_the_body() {
    let world = World::new(AppOptions::default()).await;
    let token = &world.tokens.access_token;
    world.sim.fault(Fault::on_path("/", Effect::EchoTokenInHeader));
    world.sim.fault(Fault::on_path("/", Effect::EchoTokenInBody));
    let url = world.org.instance_url();
    assert_eq!(get(&url, LIMITS, token).await.header("x-echo"), token);
    assert!(get(&url, LIMITS, token).await.text().contains(token.as_str()));
}

#[tokio::test]
async fn the_record_holds_what_arrived_byte_for_byte() {
    let world = World::new(AppOptions::default()).await;
    let path = "/services/apexrest/sink?x=a%2Fb+c%C3%A9";
    let bearer = format!("Bearer {}", world.tokens.access_token);
    let headers = [("authorization", bearer.as_str()), ("orgpass-tenant", "acme")];
    let url = format!("{}{path}", world.org.instance_url());
    let answer = send("PUT", &url, &headers, Bytes::from_static(b"abc")).await.unwrap();
    assert_eq!(answer.json()["length"], 3);
    assert_eq!(answer.json()["sha256"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let request = &world.sim.wait_for(|request| request.status.is_some(), 1).await[0];
    assert_eq!(request.path_and_query, path);
    assert_eq!(request.org.as_deref(), Some(world.org.org_id()));
    assert_eq!(request.access_token.as_deref(), Some(world.tokens.access_token.as_str()));
    assert_eq!(request.header("Orgpass-Tenant"), Some("acme"));
    assert_eq!(request.body.as_deref(), Some(b"abc".as_slice()));
    assert!(request.body_complete);
}

#[tokio::test]
async fn a_seeded_fault_strikes_some_requests_and_the_same_ones_each_time() {
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let world = World::new(AppOptions::default()).await;
        let fault = Fault::on_path("/services/data", Effect::Status(500, "[]".to_owned())).one_in(4, 7);
        let active = world.sim.fault(fault);
        let mut statuses = Vec::new();
        for _ in 0..60 {
            statuses.push(world.call(&world.tokens.access_token).await);
        }
        assert!((5..=25).contains(&active.struck()), "{} of 60", active.struck());
        outcomes.push(statuses);
    }
    assert_eq!(outcomes[0], outcomes[1]);
}

#[tokio::test]
async fn the_log_of_exchanges_says_who_asked_and_what_became_of_the_answer() {
    let world = World::new(AppOptions::default()).await;
    let second = App { client_secret: world.sim.add_secret(&world.app), ..world.app.clone() };
    let tokens = refreshed(&world.sim, &second, &world.tokens.refresh_token).await;
    world.sim.expire_sessions(&world.org);
    world.sim.fault(Fault::on_token_endpoint(Effect::LoseResponse));
    assert!(refresh(&world.sim, &world.app, &tokens.refresh_token).await.is_err());
    refresh(&world.sim, &world.app, &tokens.refresh_token).await.unwrap();
    let log = world.sim.exchange_log();
    let told: Vec<_> = log.iter().map(|exchange| (&exchange.client_secret, exchange.result, exchange.fate)).collect();
    let first = &world.app.client_secret;
    assert_eq!(
        told,
        [
            (&second.client_secret, Exchanged::Issued { early: true }, Fate::HandedOver),
            (first, Exchanged::Issued { early: false }, Fate::Lost),
            (first, Exchanged::Spent, Fate::HandedOver),
        ]
    );
}

#[tokio::test]
async fn an_exchange_whose_client_has_gone_is_carried_out() {
    let world = World::new(AppOptions::default()).await;
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let (sim, app, token) = (world.sim.clone(), world.app.clone(), world.tokens.refresh_token.clone());
    let asking = tokio::spawn(async move { refresh(&sim, &app, &token).await.map(drop) });
    held.wait_held(1).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    held.release();
    let carried_out = async {
        while world.sim.successful_exchanges() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), carried_out).await.unwrap();
    assert_eq!(refresh(&world.sim, &world.app, &world.tokens.refresh_token).await.unwrap().status, 400);
}
