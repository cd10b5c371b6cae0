//! The flows without a callback: device and password.

use std::time::Duration;

use salesforce_sim::{AppOptions, OrgOptions, User};
use serde_json::Value;

use crate::World;
use crate::browser::{Browser, Page};
use crate::client::token_request;

const POLL: Duration = Duration::from_secs(5);

async fn post(world: &World, form: &[(&str, &str)]) -> Value {
    token_request(&world.sim, form).await.unwrap().json()
}

struct Flow {
    device_code: String,
    user_code: String,
}

async fn begin(world: &World) -> Flow {
    let begun =
        post(world, &[("response_type", "device_code"), ("client_id", &world.app.client_id), ("scope", "api")]).await;
    assert_eq!(begun["verification_uri"], format!("{}/setup/connect", world.sim.url()), "{begun}");
    assert_eq!(begun["interval"], 5);
    assert!(begun.get("expires_in").is_none());
    let text = |name: &str| begun[name].as_str().unwrap().to_owned();
    Flow { device_code: text("device_code"), user_code: text("user_code") }
}

async fn poll(world: &World, flow: &Flow) -> Value {
    let client_id = world.app.client_id.as_str();
    post(world, &[("grant_type", "device"), ("client_id", client_id), ("code", &flow.device_code)]).await
}

/// The consent page, after the code has been typed.
async fn type_code(world: &World, browser: &mut Browser, user: &User, code: &str) -> Page {
    let page = browser.open(&format!("{}/setup/connect", world.sim.url())).await;
    let page = browser.log_in(&page, &user.username, &user.password).await;
    browser.submit(&page, &[("user_code", code)]).await
}

#[tokio::test]
async fn a_device_polls_until_its_user_has_typed_the_code_and_allowed() {
    let world = World::new(AppOptions { device_flow: true, ..AppOptions::default() }).await;
    let flow = begin(&world).await;
    assert_eq!(poll(&world, &flow).await["error"], "authorization_pending");
    assert_eq!(poll(&world, &flow).await["error"], "slow_down");
    let mut browser = Browser::default();
    assert!(type_code(&world, &mut browser, &world.user, "WRONG123").await.shows("The code is not valid"));
    let consent = type_code(&world, &mut Browser::default(), &world.user, &flow.user_code.to_lowercase()).await;
    assert!(consent.shows("Allow Access?"));
    let mut browser = Browser::default();
    let consent = type_code(&world, &mut browser, &world.user, &flow.user_code).await;
    assert!(browser.submit(&consent, &[("save", "Allow")]).await.shows("connected"));
    world.sim.advance(POLL);
    let tokens = poll(&world, &flow).await;
    assert_eq!(tokens["scope"], "api", "{tokens}");
    assert_eq!(world.call(tokens["access_token"].as_str().unwrap()).await, 200);
    assert_eq!(poll(&world, &flow).await["error"], "invalid_grant");
}

#[tokio::test]
async fn a_device_learns_of_denial_blocking_and_the_end_of_its_code() {
    let world = World::new(AppOptions { device_flow: true, ..AppOptions::default() }).await;
    let flow = begin(&world).await;
    let mut browser = Browser::default();
    let consent = type_code(&world, &mut browser, &world.user, &flow.user_code).await;
    browser.submit(&consent, &[("cancel", "Deny")]).await;
    assert_eq!(poll(&world, &flow).await["error"], "access_denied");

    let late = begin(&world).await;
    world.sim.advance(Duration::from_secs(10 * 60));
    assert_eq!(poll(&world, &late).await["error"], "invalid_grant");

    let flow = begin(&world).await;
    world.sim.refuse_authorize_of(None, Some(&world.org), "invalid_client", "app must be installed into org");
    let page = type_code(&world, &mut Browser::default(), &world.user, &flow.user_code).await;
    assert!(page.shows("app must be installed into org"));
    assert_eq!(poll(&world, &flow).await["error_description"], "app must be installed into org");

    let off = World::new(AppOptions::default()).await;
    let form = [("response_type", "device_code"), ("client_id", off.app.client_id.as_str())];
    assert_eq!(post(&off, &form).await["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn a_password_opens_a_session_only_where_the_org_has_the_flow_on() {
    let world = World::new(AppOptions::default()).await;
    let old = world.sim.create_org(OrgOptions { password_flow: true, ..OrgOptions::default() });
    let user = world.sim.create_user(&old, "svc@old.example");
    let log_in = async |user: &User, password: String| {
        let form = [
            ("grant_type", "password"),
            ("client_id", world.app.client_id.as_str()),
            ("client_secret", &world.app.client_secret),
            ("username", &user.username),
            ("password", &password),
        ];
        post(&world, &form).await
    };
    let whole = |user: &User| format!("{}{}", user.password, user.security_token);
    let tokens = log_in(&user, whole(&user)).await;
    assert!(tokens["access_token"].is_string() && tokens.get("refresh_token").is_none(), "{tokens}");
    for (user, password) in [(&user, user.password.clone()), (&world.user, whole(&world.user))] {
        assert_eq!(log_in(user, password).await["error_description"], "authentication failure");
    }
}
