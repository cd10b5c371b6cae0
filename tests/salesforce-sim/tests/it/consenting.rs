//! Logging in and consenting, as a person does it in a browser.

use salesforce_sim::{App, AppOptions, OrgKind, OrgOptions, User};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use crate::World;
use crate::browser::{Browser, Page};
use crate::client::{get, send};

const CALLBACK: &str = "http://127.0.0.1:8182/oauth/callback";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const WRONG: &str = "Please check your username and password.";

fn authorize(login: &str, app: &App, more: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    let common = [
        ("response_type", "code"),
        ("client_id", &app.client_id),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("state", "9f2c"),
    ];
    for (name, value) in common {
        if !more.iter().any(|(known, _)| *known == name) {
            query.append_pair(name, value);
        }
    }
    format!("{login}/services/oauth2/authorize?{}", query.extend_pairs(more).finish())
}

async fn ask(browser: &mut Browser, url: &str, user: &User) -> Page {
    let login = browser.open(url).await;
    browser.log_in(&login, &user.username, &user.password).await
}

async fn redeem(login: &str, app: &App, code: &str) -> Value {
    let form = Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("client_id", &app.client_id)
        .append_pair("client_secret", &app.client_secret)
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("code", code)
        .append_pair("code_verifier", VERIFIER)
        .finish();
    send("POST", &format!("{login}/services/oauth2/token"), &[], form).await.unwrap().json()
}

#[tokio::test]
async fn a_user_logs_in_and_allows_what_the_page_names() {
    let world = World::new(AppOptions { name: "Ledger & Sons".to_owned(), ..AppOptions::default() }).await;
    let login = world.sim.url();
    let mut browser = Browser::default();
    let hinted = browser.open(&authorize(&login, &world.app, &[("login_hint", "ana@acme.example")])).await;
    assert!(hinted.shows("value=\"ana@acme.example\""));
    let wrong = browser.log_in(&hinted, &world.user.username, "guessed").await;
    assert!(wrong.shows(WRONG));
    let consent = browser.log_in(&wrong, &world.user.username, &world.user.password).await;
    assert!(consent.shows("Allow Access?") && consent.shows("Ledger &amp; Sons"));
    assert!(consent.shows("Manage user data via APIs") && consent.shows("Perform requests at any time"));

    let back = browser.submit(&consent, &[("save", "Allow")]).await;
    assert_eq!(back.told("state").as_deref(), Some("9f2c"));
    let tokens = redeem(&login, &world.app, &back.told("code").unwrap()).await;
    assert_eq!(world.call(tokens["access_token"].as_str().unwrap()).await, 200);
    let again = browser.submit(&consent, &[("save", "Allow")]).await;
    assert!(again.shows("it has been answered"));

    // Who is logged in is asked for consent only, unless the app wants the log-in too.
    let consent = browser.open(&authorize(&login, &world.app, &[])).await;
    let denied = browser.submit(&consent, &[("cancel", "Deny")]).await;
    assert_eq!(denied.told("error").as_deref(), Some("access_denied"));
    assert_eq!(denied.told("error_description").as_deref(), Some("end-user denied authorization"));
    assert_eq!(denied.told("state").as_deref(), Some("9f2c"));
    let asked = browser.open(&authorize(&login, &world.app, &[("prompt", "login consent")])).await;
    assert!(asked.shows("Log In"));
    let stranger = Browser::default().open(&authorize(&login, &world.app, &[("immediate", "true")])).await;
    assert_eq!(stranger.told("error").as_deref(), Some("immediate_unsuccessful"));
}

#[tokio::test]
async fn each_host_logs_in_its_own_users_only() {
    let world = World::new(AppOptions::default()).await;
    let uat = OrgOptions { name: "acme--uat".to_owned(), kind: OrgKind::Sandbox, ..OrgOptions::default() };
    let sandbox = world.sim.create_org(uat);
    let tester = world.sim.create_user(&sandbox, "ana@acme.example.uat");
    let other = world.sim.create_org(OrgOptions::default());
    let (production, test) = (world.sim.url(), world.sim.sandbox_url());
    let places = [
        (&production, &world.user, true),
        (&production, &tester, false),
        (&test, &tester, true),
        (&test, &world.user, false),
        (&world.org.instance_url(), &world.user, true),
        (&other.instance_url(), &world.user, false),
        (&sandbox.instance_url(), &tester, true),
    ];
    for (host, user, welcome) in places {
        let page = ask(&mut Browser::default(), &authorize(host, &world.app, &[]), user).await;
        assert_eq!(
            (page.shows("Allow Access?"), page.shows(WRONG)),
            (welcome, !welcome),
            "{} at {host}",
            user.username
        );
    }

    // One browser may be logged in at each of them.
    let mut browser = Browser::default();
    ask(&mut browser, &authorize(&production, &world.app, &[]), &world.user).await;
    let consent = ask(&mut browser, &authorize(&test, &world.app, &[]), &tester).await;
    let code = browser.submit(&consent, &[("save", "Allow")]).await.told("code").unwrap();
    assert_eq!(redeem(&production, &world.app, &code).await["error_description"], "expired authorization code");

    world.sim.require_my_domain_login(&world.org, true);
    let page = ask(&mut Browser::default(), &authorize(&production, &world.app, &[]), &world.user).await;
    assert!(page.shows("requires My Domain login"));
    let page = ask(&mut Browser::default(), &authorize(&world.org.instance_url(), &world.app, &[]), &world.user).await;
    assert!(page.shows("Allow Access?"));
}

#[tokio::test]
async fn what_an_app_asks_wrongly_is_refused_where_it_may_be_told() {
    let world = World::new(AppOptions::default()).await;
    let login = world.sim.url();
    let mut browser = Browser::default();
    let shown = [
        ("client_id", "nobody", "invalid_client_id"),
        ("redirect_uri", "https://evil.example/", "redirect_uri_mismatch"),
        ("redirect_uri", "", "redirect_uri_missing"),
    ];
    for (name, value, error) in shown {
        let page = browser.open(&authorize(&login, &world.app, &[(name, value)])).await;
        assert_eq!(page.answer.status, 400);
        assert!(page.shows(error), "{error}");
    }
    let told = [
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "api web", "invalid_scope"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
    ];
    for (name, value, error) in told {
        let back = browser.open(&authorize(&login, &world.app, &[(name, value)])).await;
        assert_eq!((back.told("error").as_deref(), back.told("state").as_deref()), (Some(error), Some("9f2c")));
    }
    let allowed = authorize(&login, &world.app, &[("scope", "api"), ("sim_allow", "ana@acme.example")]);
    let code = browser.open(&allowed).await.told("code").unwrap();
    let tokens = redeem(&login, &world.app, &code).await;
    assert_eq!(tokens["scope"], "api");
    assert!(tokens.get("refresh_token").is_none() && tokens.get("id_token").is_none());
}

#[tokio::test]
async fn scripted_refusals_strike_all_or_one_app_or_the_users_of_one_org() {
    let world = World::new(AppOptions::default()).await;
    let stranger_org = world.sim.create_org(OrgOptions::default());
    let stranger = world.sim.create_user(&stranger_org, "bob@other.example");
    let url = authorize(&world.sim.url(), &world.app, &[]);
    world.sim.refuse_authorize("OAUTH_EC_APP_NOT_FOUND", "External client app is not installed in this org");
    let back = Browser::default().open(&url).await;
    assert_eq!(back.told("error").as_deref(), Some("OAUTH_EC_APP_NOT_FOUND"));
    world.sim.allow_authorize();

    let other = world.sim.create_app(AppOptions::default());
    world.sim.refuse_authorize_of(Some(&other), None, "OAUTH_APPROVAL_ERROR_GENERIC", "");
    world.sim.refuse_authorize_of(None, Some(&world.org), "OAUTH_APP_BLOCKED", "this app is blocked by admin");
    let back = ask(&mut Browser::default(), &url, &world.user).await;
    assert_eq!(back.told("error").as_deref(), Some("OAUTH_APP_BLOCKED"));
    assert_eq!(back.told("error_description").as_deref(), Some("this app is blocked by admin"));
    assert!(ask(&mut Browser::default(), &url, &stranger).await.shows("Allow Access?"));
    let back = Browser::default().open(&authorize(&world.sim.url(), &other, &[])).await;
    assert_eq!(back.told("error").as_deref(), Some("OAUTH_APPROVAL_ERROR_GENERIC"));
}

#[tokio::test]
async fn the_id_token_names_user_and_nonce_and_is_signed_by_the_published_key() {
    let scopes = ["api", "refresh_token", "openid"].map(str::to_owned).to_vec();
    let world = World::new(AppOptions { scopes, ..AppOptions::default() }).await;
    let login = world.sim.url();
    let allowed = authorize(&login, &world.app, &[("nonce", "n-1"), ("sim_allow", "ana@acme.example")]);
    let code = Browser::default().open(&allowed).await.told("code").unwrap();
    let tokens = redeem(&login, &world.app, &code).await;
    let text = tokens["id_token"].as_str().unwrap();
    let decoded = |part: &str| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()
    };
    let parts: Vec<&str> = text.split('.').collect();
    let claims: Value = serde_json::from_slice(&decoded(parts[1])).unwrap();
    assert_eq!(claims["sub"], tokens["id"]);
    assert_eq!((&claims["aud"], &claims["nonce"]), (&json!(world.app.client_id), &json!("n-1")));

    let configuration = get(&login, "/.well-known/openid-configuration", "").await.json();
    assert_eq!(claims["iss"], configuration["issuer"]);
    assert_eq!(configuration["jwks_uri"], format!("{login}/id/keys"));
    let keys = get(&login, "/id/keys", "").await.json();
    let number = |name: &str| decoded(keys["keys"][0][name].as_str().unwrap());
    let key = ring::signature::RsaPublicKeyComponents { n: number("n"), e: number("e") };
    let signed = format!("{}.{}", parts[0], parts[1]);
    let rs256 = &ring::signature::RSA_PKCS1_2048_8192_SHA256;
    key.verify(rs256, signed.as_bytes(), &decoded(parts[2])).unwrap();
    assert!(key.verify(rs256, b"another", &decoded(parts[2])).is_err());
}
