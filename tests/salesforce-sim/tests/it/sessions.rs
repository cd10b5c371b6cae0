//! When a session lives, and how its death is told.

use std::io::Read;
use std::time::Duration;

use salesforce_sim::{ApiFamily, AppOptions, OldInstance, OrgOptions};
use serde_json::json;

use crate::World;
use crate::client::{get, send};

const HOUR: Duration = Duration::from_secs(60 * 60);
const LIMITS: &str = "/services/data/v67.0/limits";

#[tokio::test]
async fn activity_counts_only_after_half_the_timeout() {
    let world = World::new(AppOptions::default()).await;
    let token = &world.tokens.access_token;
    // At minute 30 of 120 nothing is written down, so the session still ends at 120.
    world.sim.advance(HOUR / 2);
    assert_eq!(world.call(token).await, 200);
    world.sim.advance(HOUR + HOUR / 4);
    assert_eq!(world.call(token).await, 200);
    // That call, at minute 105, was written down: alive until 225.
    world.sim.advance(HOUR + HOUR / 2);
    assert_eq!(world.call(token).await, 200);
    world.sim.advance(HOUR * 2);
    assert_eq!(world.call(token).await, 401);
}

#[tokio::test]
async fn an_early_call_does_not_extend_the_session() {
    let world = World::new(AppOptions::default()).await;
    world.sim.advance(HOUR / 2);
    assert_eq!(world.call(&world.tokens.access_token).await, 200);
    world.sim.advance(HOUR + HOUR / 2);
    assert_eq!(world.call(&world.tokens.access_token).await, 401);
}

#[tokio::test]
async fn each_api_family_says_dead_in_its_dialect_gzip_and_plain() {
    let world = World::new(AppOptions::default()).await;
    world.sim.expire_sessions(&world.org);
    let token = &world.tokens.access_token;
    let bearer = format!("oAuth {token}");
    let at = |path: &str| format!("{}{path}", world.org.instance_url());

    let rest = send("GET", &at(LIMITS), &[("authorization", &bearer)], "").await.unwrap();
    assert_eq!(rest.status, 401);
    assert_eq!(rest.json(), json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]));

    let headers = [("authorization", bearer.as_str()), ("accept-encoding", "gzip, deflate")];
    let packed = send("GET", &at(LIMITS), &headers, "").await.unwrap();
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut plain = String::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, rest.text());

    let headers = [("x-sfdc-session", token.as_str()), ("content-type", "application/json")];
    let bulk = send("POST", &at("/services/async/66.0/job"), &headers, "{}").await.unwrap();
    assert_eq!(bulk.status, 400);
    assert_eq!(bulk.json(), json!({"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"}));

    let identity = get(&world.org.instance_url(), "/services/oauth2/userinfo", token).await;
    assert_eq!((identity.status.as_u16(), identity.text()), (403, "Bad_OAuth_Token"));

    let dead = world.sim.requests().iter().filter(|request| request.dead).count();
    assert_eq!(dead, 4);
}

#[tokio::test]
async fn a_token_is_good_at_its_own_org_only() {
    let world = World::new(AppOptions::default()).await;
    let other = world.sim.create_org(OrgOptions { name: "globex".to_owned(), ..OrgOptions::default() });
    let foreign = get(&other.instance_url(), LIMITS, &world.tokens.access_token).await;
    assert_eq!(foreign.status, 401);
    assert!(world.sim.requests()[0].foreign_token);
    let login = get(&world.sim.url(), LIMITS, &world.tokens.access_token).await;
    assert_eq!(login.json()[0]["errorCode"], "URL_NOT_RESET");
    assert_eq!(world.call(&world.tokens.access_token).await, 200);
}

#[tokio::test]
async fn an_ip_restriction_refuses_fresh_tokens_of_one_family_or_all() {
    let world = World::new(AppOptions::default()).await;
    let userinfo = async || {
        let fresh = world.sim.authorize(&world.app, &world.user);
        let url = world.org.instance_url();
        let answer = get(&url, "/services/oauth2/userinfo", &fresh.access_token).await;
        (world.call(&fresh.access_token).await, answer.status.as_u16())
    };
    world.sim.restrict_ip(&world.org, Some(ApiFamily::Rest));
    assert_eq!(userinfo().await, (401, 200));
    world.sim.restrict_ip(&world.org, None);
    assert_eq!(userinfo().await, (401, 403));
    world.sim.lift_ip_restriction(&world.org);
    assert_eq!(userinfo().await, (200, 200));
}

#[tokio::test]
async fn a_moved_org_answers_at_its_new_host_and_not_at_the_old() {
    let world = World::new(AppOptions::default()).await;
    let old = world.org.instance_url();
    let token = &world.tokens.access_token;
    world.sim.move_org(&world.org);
    assert_ne!(world.org.instance_url(), old);
    assert_eq!(world.call(token).await, 200);
    assert_eq!(get(&old, LIMITS, token).await.status, 401);

    world.sim.move_org_leaving(&world.org, OldInstance::Redirects);
    let moved = get(&old, "/services/data/v67.0/query?q=a%2Fb", token).await;
    assert_eq!(moved.status, 301);
    assert_eq!(moved.header("location"), format!("{}/services/data/v67.0/query?q=a%2Fb", world.org.instance_url()));
}

#[tokio::test]
async fn a_session_with_a_life_ends_however_much_it_is_used() {
    let world = World::new(AppOptions { session_life: Some(HOUR), ..AppOptions::default() }).await;
    for _ in 0..3 {
        assert_eq!(world.call(&world.tokens.access_token).await, 200);
        world.sim.advance(HOUR / 3);
    }
    assert_eq!(world.call(&world.tokens.access_token).await, 401);
}
