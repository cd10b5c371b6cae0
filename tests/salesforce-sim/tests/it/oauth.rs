//! Approvals, codes, refreshes and revocation.

use std::time::Duration;

use salesforce_sim::{AppOptions, Effect, Fault};
use serde_json::json;

use crate::World;
use crate::client::{get, refresh, refreshed, send, token_request};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "http://127.0.0.1:8182/oauth/callback";

fn dead() -> serde_json::Value {
    json!({"error": "invalid_grant", "error_description": "expired access/refresh token"})
}

#[tokio::test]
async fn presenting_a_rotated_token_again_revokes_the_whole_family() {
    let world = World::new(AppOptions::default()).await;
    let second = refreshed(&world.sim, &world.app, &world.tokens.refresh_token).await;
    assert_ne!(second.refresh_token, world.tokens.refresh_token);
    assert_eq!(world.call(&second.access_token).await, 200);

    let again = refresh(&world.sim, &world.app, &world.tokens.refresh_token).await.unwrap();
    assert_eq!((again.status.as_u16(), again.json()), (400, dead()));
    assert_eq!(world.sim.spent_tokens_presented(), 1);
    assert_eq!(world.call(&second.access_token).await, 401);
    let newest = refresh(&world.sim, &world.app, &second.refresh_token).await.unwrap();
    assert_eq!(newest.json(), dead());
    assert_eq!((world.sim.exchanges(), world.sim.successful_exchanges()), (3, 1));
}

#[tokio::test]
async fn without_rotation_a_refresh_brings_no_refresh_token() {
    let world = World::new(AppOptions { rotation: false, ..AppOptions::default() }).await;
    for _ in 0..2 {
        let answer = refresh(&world.sim, &world.app, &world.tokens.refresh_token).await.unwrap();
        let body = answer.json();
        assert!(body.get("refresh_token").is_none());
        assert!(body.get("expires_in").is_none());
        assert!(body["issued_at"].is_string());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_refresh_token_in_use_is_refused_to_everybody_else() {
    let world = World::new(AppOptions::default()).await;
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let first = tokio::spawn({
        let (sim, app) = (world.sim.clone(), world.app.clone());
        let token = world.tokens.refresh_token.clone();
        async move { refresh(&sim, &app, &token).await.unwrap() }
    });
    held.wait_held(1).await;
    let second = refresh(&world.sim, &world.app, &world.tokens.refresh_token).await.unwrap();
    assert_eq!(second.status, 400);
    assert_eq!(second.json()["error_description"], "token request is already being processed");
    assert_eq!(world.sim.simultaneous_uses(), 1);
    held.release();
    assert_eq!(first.await.unwrap().status, 200);
}

#[tokio::test]
async fn the_sixth_approval_silently_revokes_the_oldest() {
    let world = World::new(AppOptions::default()).await;
    let approve = || world.sim.authorize(&world.app, &world.user);
    let others = [approve(), approve(), approve(), approve()];
    assert_eq!(world.call(&world.tokens.access_token).await, 200);
    let sixth = approve();
    assert_eq!(world.call(&world.tokens.access_token).await, 401);
    let oldest = refresh(&world.sim, &world.app, &world.tokens.refresh_token).await.unwrap();
    assert_eq!(oldest.json(), dead());
    assert_eq!(world.call(&others[0].access_token).await, 200);
    assert_eq!(world.call(&sixth.access_token).await, 200);
}

#[tokio::test]
async fn a_refresh_token_dies_after_thirty_idle_days() {
    let world = World::new(AppOptions::default()).await;
    world.sim.advance(DAY * 29);
    let next = refreshed(&world.sim, &world.app, &world.tokens.refresh_token).await;
    world.sim.advance(DAY * 30);
    let late = refresh(&world.sim, &world.app, &next.refresh_token).await.unwrap();
    assert_eq!(late.json(), dead());
}

#[tokio::test]
async fn each_wrong_credential_is_refused_in_its_own_words() {
    let world = World::new(AppOptions::default()).await;
    let cases = [
        ("nobody", world.app.client_secret.as_str(), "invalid_client_id"),
        (world.app.client_id.as_str(), "wrong", "invalid_client"),
    ];
    for (client_id, secret, error) in cases {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("client_secret", secret),
            ("refresh_token", &world.tokens.refresh_token),
        ];
        let answer = token_request(&world.sim, &form).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (400, &json!(error)));
    }
    world.sim.deactivate(&world.user);
    let inactive = refresh(&world.sim, &world.app, &world.tokens.refresh_token).await.unwrap();
    assert_eq!(inactive.json()["error_description"], "inactive user");
    assert_eq!(world.call(&world.tokens.access_token).await, 401);
}

/// The code that the callback gets when the user allows access.
async fn code(world: &World, challenge: Option<&str>) -> Result<String, String> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &world.app.client_id)
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("sim_allow", &world.user.username)
        .append_pair("state", "9f2c");
    if let Some(challenge) = challenge {
        query.append_pair("code_challenge", challenge);
    }
    let url = format!("{}/services/oauth2/authorize?{}", world.sim.url(), query.finish());
    let answer = send("GET", &url, &[], "").await.unwrap();
    assert_eq!(answer.status, 302, "{}", answer.text());
    let location = url::Url::parse(answer.header("location")).unwrap();
    let value = |name: &str| {
        let mut pairs = location.query_pairs();
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    assert_eq!(value("state").as_deref(), Some("9f2c"));
    value("code").ok_or_else(|| value("error_description").unwrap())
}

async fn redeem(world: &World, code: &str, verifier: &str) -> (u16, serde_json::Value) {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", world.app.client_id.as_str()),
        ("client_secret", world.app.client_secret.as_str()),
        ("redirect_uri", CALLBACK),
        ("code", code),
        ("code_verifier", verifier),
    ];
    let answer = token_request(&world.sim, &form).await.unwrap();
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn a_code_needs_its_verifier_and_works_once() {
    let world = World::new(AppOptions::default()).await;
    let first = code(&world, Some(CHALLENGE)).await.unwrap();
    let (status, tokens) = redeem(&world, &first, VERIFIER).await;
    assert_eq!(status, 200);
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.call(access_token).await, 200);

    let (status, refused) = redeem(&world, &first, VERIFIER).await;
    assert_eq!((status, &refused["error_description"]), (400, &json!("expired authorization code")));

    let other = code(&world, Some(CHALLENGE)).await.unwrap();
    let (status, refused) = redeem(&world, &other, "another-verifier").await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));

    let without = code(&world, None).await.unwrap_err();
    assert_eq!(without, "missing required code challenge");

    let late = code(&world, Some(CHALLENGE)).await.unwrap();
    world.sim.advance(Duration::from_secs(15 * 60 + 1));
    let (_, refused) = redeem(&world, &late, VERIFIER).await;
    assert_eq!(refused["error_description"], "expired authorization code");
}

#[tokio::test]
async fn revocation_ends_a_session_or_a_whole_grant() {
    let world = World::new(AppOptions::default()).await;
    let next = refreshed(&world.sim, &world.app, &world.tokens.refresh_token).await;
    let revoke = async |token: &str| {
        let url = format!("{}/services/oauth2/revoke", world.sim.url());
        let answer = send("POST", &url, &[], format!("token={token}")).await;
        answer.unwrap().status.as_u16()
    };
    assert_eq!(revoke(&world.tokens.access_token).await, 200);
    assert_eq!(world.call(&world.tokens.access_token).await, 401);
    assert_eq!(world.call(&next.access_token).await, 200);
    assert_eq!(revoke(&next.refresh_token).await, 200);
    assert_eq!(world.call(&next.access_token).await, 401);
    assert_eq!(revoke(&next.refresh_token).await, 400);
}

#[tokio::test]
async fn every_secret_is_known_to_the_leak_search() {
    let world = World::new(AppOptions::default()).await;
    let next = refreshed(&world.sim, &world.app, &world.tokens.refresh_token).await;
    let code = code(&world, Some(CHALLENGE)).await.unwrap();
    let secrets = world.sim.secrets();
    for secret in [
        &world.app.client_secret,
        &world.tokens.access_token,
        &world.tokens.refresh_token,
        &next.access_token,
        &next.refresh_token,
        &code,
    ] {
        assert!(secrets.contains(secret));
    }
}

#[tokio::test]
async fn a_refresh_token_is_worth_nothing_at_the_host_of_another_org() {
    let world = World::new(AppOptions::default()).await;
    let other = world.sim.create_org(Default::default());
    let url = format!("{}/services/oauth2/token", other.instance_url());
    let form = format!(
        "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
        world.app.client_id, world.app.client_secret, world.tokens.refresh_token
    );
    let refused = send("POST", &url, &[], form).await.unwrap();
    assert_eq!(refused.json(), dead());
    refreshed(&world.sim, &world.app, &world.tokens.refresh_token).await;
    let (login, token) = (world.sim.url(), &world.tokens.access_token);
    let userinfo = get(&login, "/services/oauth2/userinfo", token).await;
    assert_eq!(userinfo.json()["organization_id"], world.org.org_id());
}
