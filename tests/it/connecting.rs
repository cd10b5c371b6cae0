//! Connecting an org by a link, as a browser does it: pages of the hub and of Salesforce, forms, cookies, redirects.

pub mod browser;
mod devices;
mod hubs;

use orgpass::connection::ConnectionKey;
use orgpass::management::Refusal;
use orgpass::management::links::LinkRequest;
use redis_child::RedisChild;
use salesforce_sim::{AppOptions, Effect, Fault, Org, OrgOptions, User};

use self::browser::{Browser, PUBLIC_URL};
use crate::authenticating::LIMITS;
use crate::world::{Options, World, eventually};

/// A hub, and an app that knows its callback.
pub fn options(config: &str) -> Options {
    let app = AppOptions {
        callback_urls: vec![format!("{PUBLIC_URL}/oauth/callback")],
        scopes: ["api", "refresh_token", "chatter_api"].map(str::to_owned).to_vec(),
        ..AppOptions::default()
    };
    let config = format!(
        "hub.public_url = \"{PUBLIC_URL}\"\nhub.return_to = [\"https://app.example.com/settings\"]\n\
         apps.default.scopes = [\"api\", \"refresh_token\"]\napps.default.display_name = \"Acme Reports\"\n{config}"
    );
    Options { app, config, ..Options::default() }
}

async fn world() -> World {
    World::with(options("")).await
}

fn org(world: &World, name: &str) -> (Org, User) {
    let org = world.sim.create_org(OrgOptions { name: name.to_owned(), ..OrgOptions::default() });
    let user = world.sim.create_user(&org, &format!("ana@{name}.example"));
    (org, user)
}

pub fn key(tenant: &str, user: Option<&str>) -> ConnectionKey {
    ConnectionKey::parse(tenant, user).unwrap()
}

/// Mints a link and gives its path.
pub async fn link(world: &World, key: &ConnectionKey, request: &LinkRequest) -> String {
    let minted = world.orgpass().engine().management.mint_link(key, request).await.unwrap();
    minted.url.strip_prefix(PUBLIC_URL).expect("it leads to the hub").to_owned()
}

/// How many codes were exchanged, with success or without.
pub fn redeemed(world: &World) -> usize {
    world.sim.requests().iter().filter(|request| request.path() == "/services/oauth2/token").count()
}

/// The actions in the audit trail.
async fn audited(world: &World) -> Vec<(String, String)> {
    let page = world.orgpass().engine().management.audits(None, 1000).await.unwrap();
    page.entries.into_iter().map(|(_, _, entry)| (entry.action, entry.outcome)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_connects_an_org_in_two_clicks_and_its_calls_go_through_at_once() {
    let world = world().await;
    let (acme, _) = org(&world, "acme");
    let key = key("acme", None);
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.error(), Some("not_connected"));

    let path = link(&world, &key, &LinkRequest::default()).await;
    let mut browser = Browser::of(&world);
    let page = browser.get(&path).await;
    assert_eq!(page.status, 200);
    assert!(page.shows("Connect Acme Reports to your Salesforce org"));
    assert!(page.shows("See and change your Salesforce data"));
    let asked = browser.begin(&path, "production").await;
    for part in ["response_type=code", "code_challenge_method=S256", "scope=api+refresh_token"] {
        assert!(asked.contains(part), "{asked}");
    }
    let confirm = browser.allow(&asked, "ana@acme.example").await;
    assert_eq!(confirm.status, 200);
    assert!(confirm.shows("ana@acme.example") && confirm.shows(acme.org_id()), "{}", confirm.text());
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.error(), Some("not_connected"), "not yet");
    let done = browser.confirm(&path, "yes").await;
    assert!(done.shows("Acme Reports is connected"), "{}", done.text());

    // The caller has asked before, and is remembered for a moment only.
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    let view = world.orgpass().engine().management.show(&key).await.unwrap();
    assert_eq!((view.scopes, view.missing_scopes), (vec!["api".to_owned(), "refresh_token".to_owned()], vec![]));
    assert_eq!(view.org_id.as_deref(), Some(acme.org_id()));
    world.sim.expire_sessions(&acme);
    assert_eq!(
        world.caller().get(LIMITS).tenant("acme").send().await.status,
        200,
        "it refreshes like every connection"
    );

    let again = browser.get(&path).await;
    assert!(again.shows("Acme Reports is connected"), "the same browser is told what became of it");
    let other = Browser::of(&world).get(&path).await;
    assert_eq!(other.status, 410);
    assert!(other.shows("This link was used already"));
    assert_eq!(audited(&world).await, [("connection.connected".to_owned(), "done".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_link_uses_nothing_up_and_only_the_browser_that_began_can_go_on() {
    let world = world().await;
    org(&world, "acme");
    let path = link(&world, &key("acme", None), &LinkRequest::default()).await;
    for _ in 0..3 {
        assert_eq!(Browser::of(&world).get(&path).await.status, 200, "a mail scanner");
    }
    let (mut browser, mut thief) = (Browser::of(&world), Browser::of(&world));
    thief.get(&path).await;
    browser.get(&path).await;
    let asked = browser.begin(&path, "production").await;
    assert!(thief.get(&path).await.shows("another browser"));
    assert_eq!(thief.post(&path, &[("environment", "production")]).await.status, 403);
    let callback = browser.consent(&asked, "ana@acme.example").await;
    let stolen = thief.follow(&callback).await;
    assert_eq!(stolen.status, 403);
    assert!(stolen.shows("another browser"), "{}", stolen.text());
    let confirm = browser.follow(&callback).await;
    assert!(confirm.shows("Is this the right org?"));
    assert_eq!(thief.get(&format!("{path}/confirm")).await.status, 403);
    let twice = browser.follow(&callback).await;
    assert_eq!(twice.status, 409, "what came back is taken once");
    assert!(browser.confirm(&path, "yes").await.shows("is connected"));
    assert_eq!(redeemed(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_asked_for_with_the_pages_own_form_does_nothing() {
    let world = world().await;
    org(&world, "acme");
    let path = link(&world, &key("acme", None), &LinkRequest::default()).await;
    let mut browser = Browser::of(&world);
    browser.get(&path).await;
    let forged = browser.post_as_is(&path, "environment=production&csrf=x").await;
    assert_eq!(forged.status, 403);
    assert!(forged.shows("did not come from our page"));
    let asked = browser.begin(&path, "production").await;
    let callback = browser.consent(&asked, "ana@acme.example").await;
    let tampered = callback.replace("state=", "state=x");
    assert_eq!(browser.follow(&tampered).await.status, 404);
    let state = callback.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let (name, _) = state.split_once('.').unwrap();
    let guessed = browser.follow(&callback.replace(state, &format!("{name}.guessed"))).await;
    assert_eq!(guessed.status, 409, "the state must be this flow's");
    // A code that was stolen elsewhere does not fit the verifier of this flow.
    let mut other = Browser::of(&world);
    let other_path = link(&world, &key("globex", None), &LinkRequest::default()).await;
    other.get(&other_path).await;
    let other_asked = other.begin(&other_path, "production").await;
    let other_callback = other.consent(&other_asked, "ana@acme.example").await;
    let code = other_callback.split("code=").nth(1).unwrap().split('&').next().unwrap();
    let own = callback.split("code=").nth(1).unwrap().split('&').next().unwrap();
    let injected = browser.follow(&callback.replace(own, code)).await;
    assert_eq!(injected.status, 400, "{}", injected.text());
    assert_eq!(redeemed(&world), 1, "the injected one, which is refused");
    assert_eq!(browser.confirm(&path, "yes").await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_leaves_nothing_behind() {
    let world = world().await;
    let (_, user) = org(&world, "acme");
    let key = key("acme", None);
    let request =
        LinkRequest { return_to: Some("https://app.example.com/settings/crm".to_owned()), ..LinkRequest::default() };
    let path = link(&world, &key, &request).await;
    let mut browser = Browser::of(&world);
    browser.get(&path).await;
    let asked = browser.begin(&path, "production").await;
    let denied = browser.deny(&asked).await;
    assert!(denied.shows("You did not allow it") && denied.shows("status=failed"), "{}", denied.text());
    assert!(browser.get(&path).await.shows("You did not allow it"), "and it can be tried again");

    let asked = browser.begin(&path, "production").await;
    assert_eq!(browser.allow(&asked, &user.username).await.status, 200);
    let cancelled = browser.answer(&path, "no").await;
    assert_eq!(cancelled.location(), Some("https://app.example.com/settings/crm?status=cancelled"));
    assert_eq!(world.orgpass().engine().management.show(&key).await, Err(Refusal::NotConnected));
    let revoked = world.sim.requests().iter().filter(|request| request.path() == "/services/oauth2/revoke").count();
    assert_eq!(revoked, 1, "what Salesforce had issued is given back");
    let actions: Vec<_> = audited(&world).await.into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["link.denied", "link.cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_says_so_and_what_nobody_confirmed_is_revoked() {
    let world = world().await;
    org(&world, "acme");
    let short = LinkRequest { expires_in: Some(1), ..LinkRequest::default() };
    let path = link(&world, &key("acme", None), &short).await;
    let mut browser = Browser::of(&world);
    eventually("the link expires", async || browser.get(&path).await.status == 410).await;
    assert!(browser.get(&path).await.shows("This link has expired"));
    let unknown = browser.get(&format!("/connect/{}", "x".repeat(43))).await;
    assert_eq!((unknown.status.as_u16(), unknown.shows("does not exist")), (404, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconnect_keeps_to_its_org_and_replaces_the_authorization() {
    let world = world().await;
    let (acme, _) = org(&world, "acme");
    org(&world, "globex");
    let key = key("acme", None);
    let connected = |username: &'static str| {
        let (world, key) = (&world, key.clone());
        async move {
            let path = link(world, &key, &LinkRequest::default()).await;
            let mut browser = Browser::of(world);
            browser.get(&path).await;
            let asked = browser.begin(&path, "production").await;
            let page = browser.allow(&asked, username).await;
            if page.status != 200 {
                return page;
            }
            browser.confirm(&path, "yes").await
        }
    };
    assert!(connected("ana@acme.example").await.shows("is connected"));
    let before = world.orgpass().engine().management.show(&key).await.unwrap();
    let wrong = connected("ana@globex.example").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.shows("Try again"));
    assert!(wrong.shows("That is another org") && wrong.shows(acme.org_id()), "{}", wrong.text());
    let after = world.orgpass().engine().management.show(&key).await.unwrap();
    assert_eq!(after.line.generation, before.line.generation, "nothing was changed");

    assert!(connected("ana@acme.example").await.shows("is connected"));
    let after = world.orgpass().engine().management.show(&key).await.unwrap();
    assert_ne!(after.line.generation, before.line.generation);
    let revoked = world.sim.requests().iter().filter(|request| request.path() == "/services/oauth2/revoke").count();
    assert_eq!(revoked, 2, "the wrong org's authorization, and the old one");
    world.sim.expire_sessions(&acme);
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200, "the new one lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_is_found_by_any_address_and_users_can_be_made_to_come_after_their_tenant() {
    let world = World::with(options("hub.users_need_installation = true")).await;
    let (acme, _) = org(&world, "acme");
    let user = key("acme", Some("u-17"));
    let management = &world.orgpass().engine().management;
    assert_eq!(management.mint_link(&user, &LinkRequest::default()).await, Err(Refusal::InstallationNeeded));

    let path = link(&world, &key("acme", None), &LinkRequest::default()).await;
    let mut browser = Browser::of(&world);
    browser.get(&path).await;
    let wrong = browser.post(&path, &[("environment", "address"), ("address", "https://evil.example")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.shows("not an address of Salesforce") && wrong.shows("https://evil.example"));
    let address = format!("{}/lightning/page/home", acme.instance_url());
    let asked = browser.post(&path, &[("environment", "address"), ("address", &address)]).await;
    let asked = asked.location().unwrap().to_owned();
    assert!(asked.starts_with(&acme.instance_url()), "{asked}");
    browser.allow(&asked, "ana@acme.example").await;
    assert!(browser.confirm(&path, "yes").await.shows("is connected"));
    let again = browser.get(&link(&world, &key("acme", None), &LinkRequest::default()).await).await;
    assert!(again.shows("As before") && again.shows("127.0.0.1"), "a reconnect remembers");
    assert!(management.mint_link(&user, &LinkRequest::default()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_of_salesforce_ends_in_a_page_that_says_who_can_fix_it() {
    let world = world().await;
    org(&world, "acme");
    let cases = [
        ("access-denied", "end-user denied authorization", "You did not allow it", "link.denied"),
        ("OAUTH_APP_BLOCKED", "this app is blocked by admin", "Your admin has blocked the app", "link.failed"),
        ("OAUTH_EC_APP_NOT_FOUND", "External client app is not installed in this org", "not installed", "link.failed"),
        ("OAUTH_APPROVAL_ERROR_GENERIC", "", "not installed", "link.failed"),
        ("invalid_app_access", "user is not admin approved to access this app", "has not approved", "link.failed"),
        ("invalid_scope", "the requested scope is not allowed", "A permission was refused", "link.failed"),
        ("unsupported_response_type", "response type not supported", "Salesforce refused the request", "link.failed"),
        ("redirect_uri_mismatch", "", "not set up for this address", "link.failed"),
        ("inactive_user", "", "The user is not active", "link.failed"),
        ("inactive_org", "", "The org is not active", "link.failed"),
        ("server_error", "", "Salesforce has trouble", "link.failed"),
        ("rate_limit_exceeded", "login rate exceeded", "Too many logins", "link.failed"),
        ("something_new", "<b>x</b>", "Salesforce refused the request", "link.failed"),
    ];
    for (error, description, title, action) in cases {
        let path = link(&world, &key("acme", None), &LinkRequest::default()).await;
        let mut browser = Browser::of(&world);
        browser.get(&path).await;
        let asked = browser.begin(&path, "production").await;
        let page = browser.come_back_with(&asked, &[("error", error), ("error_description", description)]).await;
        assert!(page.shows(title), "{error}: {}", page.text());
        assert!(page.shows("Who can fix it") && !page.shows("<b>x</b>"), "{error}");
        assert_eq!(audited(&world).await.last().unwrap().0, action, "{error}");
    }
    assert_eq!(redeemed(&world), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_that_refuses_is_explained_too() {
    let world = world().await;
    org(&world, "acme");
    let cases = [
        (400, r#"{"error":"invalid_grant","error_description":"expired authorization code"}"#, "That took too long"),
        (400, r#"{"error":"invalid_client","error_description":"invalid client credentials"}"#, "secret is wrong"),
        (
            400,
            r#"{"error":"invalid_client_id","error_description":"client identifier invalid"}"#,
            "does not know the app",
        ),
        (400, r#"{"error":"invalid_client","error_description":"app must be installed into org"}"#, "not installed"),
        (400, r#"{"error":"invalid_grant","error_description":"ip restricted"}"#, "This address is not allowed"),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"ip restricted by app developer"}"#,
            "app does not allow",
        ),
        (400, r#"{"error":"redirect_uri_mismatch"}"#, "not set up for this address"),
        (400, r#"{"error":"unknown_error","error_description":"retry your request"}"#, "Salesforce has trouble"),
        (503, "<html>maintenance</html>", "Salesforce has trouble"),
    ];
    for (status, body, title) in cases {
        let path = link(&world, &key("acme", None), &LinkRequest::default()).await;
        let mut browser = Browser::of(&world);
        browser.get(&path).await;
        let asked = browser.begin(&path, "production").await;
        let callback = browser.consent(&asked, "ana@acme.example").await;
        let fault = world.sim.fault(Fault::on_path("/services/oauth2/token", Effect::Status(status, body.to_owned())));
        let page = browser.follow(&callback).await;
        fault.end();
        assert!(page.shows(title), "{body}: {}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_opened_the_link_can_ask_what_became_of_it() {
    let world = world().await;
    org(&world, "acme");
    let request =
        LinkRequest { return_to: Some("https://app.example.com/settings".to_owned()), ..LinkRequest::default() };
    let path = link(&world, &key("acme", None), &request).await;
    let hub = world.hub();
    let ask = async |origin: &str| hub.get(&format!("{path}/status")).header("origin", origin).send().await;
    let waiting = ask("https://app.example.com").await;
    assert_eq!(waiting.json()["status"], "waiting");
    assert_eq!(waiting.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(ask("https://evil.example").await.header("access-control-allow-origin"), None);
    let mut browser = Browser::of(&world);
    browser.get(&path).await;
    let asked = browser.begin(&path, "production").await;
    browser.allow(&asked, "ana@acme.example").await;
    let done = browser.answer(&path, "yes").await;
    assert_eq!(done.location(), Some("https://app.example.com/settings?status=connected"));
    assert_eq!(ask("https://app.example.com").await.json()["status"], "connected");
    let page = browser.get(&format!("{path}/done")).await;
    assert!(page.shows("data-opener=\"https://app.example.com\""), "only this page is told: {}", page.text());
    let refused = &world.orgpass().engine().management;
    let wrong = LinkRequest { return_to: Some("https://evil.example/settings".to_owned()), ..LinkRequest::default() };
    assert!(matches!(refused.mint_link(&key("acme", None), &wrong).await, Err(Refusal::Input(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_fenced_in() {
    let world = world().await;
    let path = link(&world, &key("acme", None), &LinkRequest::default()).await;
    let page = Browser::of(&world).get(&path).await;
    let policy = page.header("content-security-policy").unwrap().to_owned();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "script-src 'self'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-orgpass-connect=") && cookie.contains("HttpOnly") && cookie.contains("Secure"));
    assert_eq!(world.hub().get("/nothing/here").send().await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_may_have_taken_is_not_given_back() {
    let mut redis = RedisChild::start();
    let world = World::with(Options { store: Some(redis.url()), ..options("") }).await;
    org(&world, "acme");
    let path = link(&world, &key("acme", None), &LinkRequest::default()).await;
    let mut browser = Browser::of(&world);
    browser.get(&path).await;
    let asked = browser.begin(&path, "production").await;
    let callback = browser.consent(&asked, "ana@acme.example").await;
    let judging = world.sim.fault(Fault::on_path("/services/oauth2/userinfo", Effect::Hold));
    let followed = tokio::spawn(async move { browser.follow(&callback).await });
    judging.wait_held(1).await;
    redis.kill();
    judging.release();
    assert_eq!(followed.await.unwrap().status, 503);
    let revoked = world.sim.requests().iter().filter(|request| request.path() == "/services/oauth2/revoke").count();
    assert_eq!(revoked, 0, "nobody knows whether the link has it");
    redis.restart();
}
