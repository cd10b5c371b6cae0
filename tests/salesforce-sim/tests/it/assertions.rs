//! Grants without a refresh token: JWT bearer and client credentials; and introspection.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use salesforce_sim::{AppKey, AppOptions, OrgKind, OrgOptions};
use serde_json::{Value, json};

use crate::World;
use crate::client::{Answer, send, token_request, token_request_at};

const LOGIN: &str = "https://login.salesforce.com";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn sign(key: &AppKey, header: &Value, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let key = PrivateKeyDer::from_pem_slice(key.private_key.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_der()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

const GRANT: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");

async fn assert(world: &World, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let form = [&[GRANT, ("assertion", assertion)], more].concat();
    token_request(&world.sim, &form).await.unwrap()
}

fn refusal(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 400, "{}", answer.text());
    let text = |key: &str| answer.json()[key].as_str().unwrap().to_owned();
    (text("error"), text("error_description"))
}

async fn asserting() -> World {
    let certificate = Some(AppKey::first().certificate);
    World::new(AppOptions { certificate, ..AppOptions::default() }).await
}

impl World {
    fn claims(&self) -> Value {
        json!({"iss": self.app.client_id, "sub": self.user.username, "aud": LOGIN, "exp": now() + 170})
    }
}

#[tokio::test]
async fn a_good_assertion_opens_a_session_and_brings_neither_refresh_token_nor_signature() {
    let world = asserting().await;
    for audience in [LOGIN.to_owned(), format!("https://{}", world.org.my_domain())] {
        let mut claims = world.claims();
        claims["aud"] = json!(audience);
        let assertion = sign(&AppKey::first(), &json!({"alg": "RS256"}), &claims);
        let answer = assert(&world, &assertion, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        for absent in ["refresh_token", "signature", "issued_at", "expires_in"] {
            assert!(body.get(absent).is_none(), "{absent}");
        }
        assert_eq!(world.call(body["access_token"].as_str().unwrap()).await, 200);
        assert!(world.sim.secrets().contains(&assertion));
    }
    assert_eq!((world.sim.exchanges(), world.sim.successful_exchanges()), (2, 2));
}

#[tokio::test]
async fn each_fault_of_an_assertion_is_refused_in_its_own_words() {
    let world = asserting().await;
    let stranger = world.sim.create_user(&world.org, "unknown-to-the-app@acme.example");
    let rs256 = json!({"alg": "RS256"});
    let invalid = ("invalid_grant", "invalid assertion");
    let cases: [(&str, Value, (&str, &str)); 9] = [
        ("iss", json!("nobody"), ("invalid_client_id", "client identifier invalid")),
        ("sub", json!("nobody@acme.example"), ("invalid_grant", "user hasn't approved this consumer")),
        ("sub", json!(stranger.username), ("invalid_grant", "user hasn't approved this consumer")),
        ("prn", json!(stranger.username), ("invalid_grant", "user hasn't approved this consumer")),
        ("aud", json!("https://test.salesforce.com"), ("invalid_grant", "Audience validation failed")),
        ("exp", json!(now() - 1), ("invalid_grant", "expired authorization code")),
        ("exp", json!(now() + 3600), invalid),
        ("exp", json!((now() + 170).to_string()), invalid),
        ("exp", json!((now() + 170) * 1000), invalid),
    ];
    for (claim, value, expected) in cases {
        let mut claims = world.claims();
        claims[claim] = value;
        let refused = refusal(&assert(&world, &sign(&AppKey::first(), &rs256, &claims), &[]).await);
        assert_eq!((refused.0.as_str(), refused.1.as_str()), expected, "{claims}");
    }
    let claims = world.claims();
    let good = sign(&AppKey::first(), &rs256, &claims);
    let wrong = [
        sign(&AppKey::other(), &rs256, &claims),
        sign(&AppKey::first(), &json!({"alg": "none"}), &claims),
        good[..good.len() - 4].to_owned(),
        "not an assertion".to_owned(),
    ];
    for assertion in wrong {
        assert_eq!(refusal(&assert(&world, &assertion, &[]).await).1, "invalid assertion");
    }
    let refused = refusal(&assert(&world, &good, &[("scope", "api")]).await);
    assert_eq!(refused, ("invalid_request".to_owned(), "scope parameter not supported".to_owned()));

    world.sim.pre_approve(&world.app, &stranger);
    let mut claims = world.claims();
    claims["sub"] = json!(stranger.username);
    let assertion = sign(&AppKey::first(), &rs256, &claims);
    assert_eq!(assert(&world, &assertion, &[]).await.status, 200);
    world.sim.deactivate(&stranger);
    assert_eq!(refusal(&assert(&world, &assertion, &[]).await).1, "inactive user");
}

#[tokio::test]
async fn a_sandbox_wants_the_audience_of_sandboxes() {
    let world = asserting().await;
    let sandbox = OrgOptions { name: "acme--uat".to_owned(), kind: OrgKind::Sandbox, ..OrgOptions::default() };
    let sandbox = world.sim.create_org(sandbox);
    let user = world.sim.create_user(&sandbox, "ana@acme.example.uat");
    world.sim.pre_approve(&world.app, &user);
    for (audience, status) in [(LOGIN, 400), ("https://test.salesforce.com", 200)] {
        let mut claims = world.claims();
        (claims["sub"], claims["aud"]) = (json!(user.username), json!(audience));
        let assertion = sign(&AppKey::first(), &json!({"alg": "RS256"}), &claims);
        let form = [GRANT, ("assertion", assertion.as_str())];
        let answer = token_request_at(&world.sim.sandbox_url(), &form).await.unwrap();
        assert_eq!(answer.status, status, "{audience}");
        assert_eq!(assert(&world, &assertion, &[]).await.status, 400);
    }
}

async fn client_credentials(url: &str, form: &[(&str, &str)]) -> Answer {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.append_pair("grant_type", "client_credentials").extend_pairs(form);
    send("POST", &format!("{url}/services/oauth2/token"), &[], body.finish()).await.unwrap()
}

#[tokio::test]
async fn client_credentials_run_as_the_users_whom_the_orgs_name_at_their_own_hosts_only() {
    let scopes = vec!["api".to_owned(), "refresh_token".to_owned()];
    let world = World::new(AppOptions { client_credentials: true, scopes, ..AppOptions::default() }).await;
    let (id, secret) = (world.app.client_id.as_str(), world.app.client_secret.as_str());
    let good = [("client_id", id), ("client_secret", secret)];
    let here = world.org.instance_url();
    assert_eq!(refusal(&client_credentials(&here, &good).await).1, "no client credentials user enabled");

    world.sim.run_as(&world.app, &world.user);
    let answer = client_credentials(&here, &good).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert!(body.get("refresh_token").is_none());
    assert_eq!(body["scope"], "api");
    assert!(body["signature"].is_string() && body["issued_at"].is_string());
    assert_eq!(world.call(body["access_token"].as_str().unwrap()).await, 200);

    assert_eq!(refusal(&client_credentials(&world.sim.url(), &good).await).1, "request not supported on this domain");
    let other = world.sim.create_org(OrgOptions::default()).instance_url();
    assert_eq!(refusal(&client_credentials(&other, &good).await).1, "no client credentials user enabled");
    for wrong in [vec![("client_id", id)], vec![("client_id", id), ("client_secret", "wrong")]] {
        assert_eq!(refusal(&client_credentials(&here, &wrong).await).0, "invalid_client");
    }
    let scoped = [good.as_slice(), &[("scope", "api")]].concat();
    assert_eq!(refusal(&client_credentials(&here, &scoped).await).1, "scope parameter not supported");
    world.sim.deactivate(&world.user);
    assert_eq!(refusal(&client_credentials(&here, &good).await).1, "inactive user");
}

#[tokio::test]
async fn an_app_without_the_flow_or_without_a_useful_scope_gets_nothing() {
    let full = AppOptions { client_credentials: true, scopes: vec!["full".to_owned()], ..AppOptions::default() };
    for (options, words) in
        [(AppOptions::default(), "client credentials flow not enabled"), (full, "no valid scopes defined")]
    {
        let world = World::new(options).await;
        world.sim.run_as(&world.app, &world.user);
        let form = [("client_id", world.app.client_id.as_str()), ("client_secret", &world.app.client_secret)];
        assert_eq!(refusal(&client_credentials(&world.org.instance_url(), &form).await).1, words);
    }
}

async fn introspect(world: &World, token: &str, secret: &str) -> Answer {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token).append_pair("client_id", &world.app.client_id);
    form.append_pair("client_secret", secret);
    let url = format!("{}/services/oauth2/introspect", world.sim.url());
    send("POST", &url, &[], form.finish()).await.unwrap()
}

#[tokio::test]
async fn introspection_tells_an_app_when_its_own_sessions_end() {
    let session_timeout = Duration::from_secs(900);
    let world = World::new(AppOptions { session_timeout, ..AppOptions::default() }).await;
    let token = &world.tokens.access_token;
    let told = introspect(&world, token, &world.app.client_secret).await.json();
    assert_eq!(told["active"], true);
    assert_eq!(told["exp"].as_u64().unwrap() - told["iat"].as_u64().unwrap(), 900);
    assert_eq!(refusal(&introspect(&world, token, "wrong").await).0, "invalid_client");

    let other = world.sim.create_app(AppOptions::default());
    let foreign = world.sim.authorize(&other, &world.user).access_token;
    world.sim.advance(session_timeout);
    for dead in [foreign.as_str(), token, "unknown"] {
        assert_eq!(introspect(&world, dead, &world.app.client_secret).await.json(), json!({"active": false}));
    }
}

#[tokio::test]
async fn a_jwt_access_token_says_when_it_ends_and_use_does_not_put_that_off() {
    let life = Duration::from_secs(600);
    let world = World::new(AppOptions { jwt_access_tokens: Some(life), ..AppOptions::default() }).await;
    let token = &world.tokens.access_token;
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["exp"].as_u64().unwrap() - payload["iat"].as_u64().unwrap(), 600);
    for _ in 0..9 {
        world.sim.advance(life / 10);
        assert_eq!(world.call(token).await, 200);
    }
    world.sim.advance(life / 10);
    assert_eq!(world.call(token).await, 401);
}
