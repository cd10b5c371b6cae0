//! The flows without a callback: a code that is typed elsewhere, and a password.

use std::time::Duration;

use orgpass::connection::Cause;
use orgpass::management::{Connected, DeviceRequest, DeviceState, ImportDocument, Imported, NewConnection, Refusal};
use orgpass::oauth::TokenResponse;
use orgpass::salesforce::identity::Identity;
use orgpass::salesforce::scopes::Scopes;
use orgpass::secret::Secret;
use salesforce_sim::{AppOptions, Effect, Fault, OrgOptions, User};
use url::form_urlencoded;

use super::{key, org};
use crate::authenticating::LIMITS;
use crate::caller::{Caller, Reply};
use crate::world::{Options, Seen, World};

const INTERVAL: Duration = Duration::from_secs(5);

async fn world() -> World {
    let scopes = ["api", "refresh_token", "openid"].map(str::to_owned).to_vec();
    let app = AppOptions { device_flow: true, scopes, ..AppOptions::default() };
    let config = "apps.default.allow = [\"device\", \"password\"]".to_owned();
    World::with(Options { app, config, ..Options::default() }).await
}

/// A person at a browser somewhere, at the simulator's pages.
struct Person {
    salesforce: Caller,
    cookies: Vec<String>,
    page: Option<(String, Reply)>,
}

impl Person {
    fn at(world: &World) -> Self {
        let address = world.sim.url().strip_prefix("http://").unwrap().parse().unwrap();
        Self { salesforce: Caller::new(address, Seen::default()), cookies: Vec::new(), page: None }
    }

    async fn open(&mut self, path: &str) {
        let reply = self.salesforce.get(path).header("cookie", self.cookies.join("; ")).send().await;
        self.keep(path, reply).await;
    }

    async fn submit(&mut self, fields: &[(&str, &str)]) {
        let (path, page) = self.page.take().unwrap();
        let action =
            page.text().split_once("action=\"").map(|(_, rest)| rest.split('"').next().unwrap().replace("&amp;", "&"));
        let path = match action {
            Some(query) if query.starts_with('?') => format!("{}{query}", path.split('?').next().unwrap()),
            Some(address) => address,
            None => path,
        };
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let call = self.salesforce.post(&path, form).header("cookie", self.cookies.join("; "));
        let reply = call.header("content-type", "application/x-www-form-urlencoded").send().await;
        self.keep(&path, reply).await;
    }

    async fn keep(&mut self, path: &str, reply: Reply) {
        for cookie in reply.headers.get_all("set-cookie") {
            self.cookies.push(cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
        }
        match reply.location().map(str::to_owned) {
            Some(location) => {
                let path = location.split_once("://").map_or(location.clone(), |(_, rest)| {
                    format!("/{}", rest.split_once('/').map_or("", |(_, path)| path))
                });
                Box::pin(self.open(&path)).await;
            }
            None => self.page = Some((path.to_owned(), reply)),
        }
    }

    /// Types a code and answers.
    async fn answer(&mut self, user: &User, code: &str, button: (&str, &str)) {
        self.open("/setup/connect").await;
        self.submit(&[("username", &user.username), ("pw", &user.password)]).await;
        self.submit(&[("user_code", code)]).await;
        self.submit(&[button]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_typed_elsewhere_connects_an_org() {
    let world = world().await;
    let (acme, user) = org(&world, "acme");
    let management = &world.orgpass().engine().management;
    let key = key("acme", None);
    let login = management.begin_device(&key, &DeviceRequest::default()).await.unwrap();
    assert_eq!(login.verification_uri, format!("{}/setup/connect", world.sim.url()));
    assert_eq!(management.poll_device(login.id).await, Ok(DeviceState::Pending));
    assert_eq!(management.poll_device(login.id).await, Ok(DeviceState::SlowDown));
    Person::at(&world).answer(&user, &login.user_code, ("save", "Allow")).await;
    world.sim.advance(INTERVAL);
    assert_eq!(management.poll_device(login.id).await, Ok(DeviceState::Connected(Connected::Created)));
    assert_eq!(management.poll_device(login.id).await, Err(Refusal::NotConnected), "it is over");
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    world.sim.expire_sessions(&acme);
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200, "it has a refresh token");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_issued_is_kept_until_it_can_be_judged() {
    let world = world().await;
    let (_, user) = org(&world, "acme");
    let management = &world.orgpass().engine().management;
    let scopes = Some(["api", "refresh_token", "openid"].map(str::to_owned).to_vec());
    let request = DeviceRequest { scopes, ..DeviceRequest::default() };
    let login = management.begin_device(&key("acme", None), &request).await.unwrap();
    Person::at(&world).answer(&user, &login.user_code, ("save", "Allow")).await;
    world.sim.fault(Fault::on_path("/id/keys", Effect::Status(503, String::new())));
    let polled = management.poll_device(login.id).await;
    assert!(matches!(polled, Err(Refusal::Unavailable { .. })), "the id token cannot be verified yet: {polled:?}");
    assert_eq!(management.poll_device(login.id).await, Ok(DeviceState::Connected(Connected::Created)));
    let asked = |path: &str| world.sim.requests().iter().filter(|request| request.path() == path).count();
    assert_eq!((asked("/id/keys"), asked("/services/oauth2/revoke")), (2, 0));
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_granted_openid_must_bring_an_id_token() {
    let world = world().await;
    let (_, user) = org(&world, "acme");
    let tokens = world.sim.authorize(&world.sim_app, &user);
    let new = |scope: &str| NewConnection {
        app: "default".to_owned(),
        login_url: world.config.apps.get("default").unwrap().login_url.clone(),
        response: TokenResponse {
            access_token: Secret::new(tokens.access_token.clone()),
            refresh_token: Some(Secret::new(tokens.refresh_token.clone())),
            instance_url: tokens.instance_url.clone(),
            id: tokens.id.clone(),
            identity: Some(Identity::parse_url(&tokens.id).unwrap()),
            issued_at: Some(tokens.issued_at.clone()),
            scope: Some(scope.to_owned()),
            id_token: None,
            signature: Some(tokens.signature.clone()),
        },
        asked: Scopes::parse("api refresh_token openid").unwrap(),
    };
    let management = &world.orgpass().engine().management;
    let key = key("acme", None);
    let judged = management.judge(&key, &new("api refresh_token openid"), None).await;
    assert_eq!(judged.unwrap_err(), Refusal::Refused(Cause::SignatureWrong));
    assert!(management.judge(&key, &new("api refresh_token"), None).await.is_ok(), "it was not granted");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_denies_or_is_blocked_is_told_so_and_apps_must_allow_the_flow() {
    let world = world().await;
    let (acme, user) = org(&world, "acme");
    let management = &world.orgpass().engine().management;
    let key = key("acme", None);
    let login = management.begin_device(&key, &DeviceRequest::default()).await.unwrap();
    Person::at(&world).answer(&user, &login.user_code, ("cancel", "Deny")).await;
    assert_eq!(management.poll_device(login.id).await, Err(Refusal::Refused(Cause::NoConsent)));
    world.sim.refuse_authorize_of(None, Some(&acme), "invalid_client", "app must be installed into org");
    let login = management.begin_device(&key, &DeviceRequest::default()).await.unwrap();
    let mut person = Person::at(&world);
    person.open("/setup/connect").await;
    person.submit(&[("username", &user.username), ("pw", &user.password)]).await;
    person.submit(&[("user_code", &login.user_code)]).await;
    assert_eq!(management.poll_device(login.id).await, Err(Refusal::Refused(Cause::AppNotInstalled)));

    let other = World::start().await;
    let refused = other.orgpass().engine().management.begin_device(&key, &DeviceRequest::default()).await;
    assert!(matches!(&refused, Err(Refusal::Input(faults)) if faults[0].why.contains("allow")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_earns_sessions_where_app_and_org_allow_it() {
    let world = world().await;
    let old = world.sim.create_org(OrgOptions { name: "old".to_owned(), password_flow: true, ..OrgOptions::default() });
    let user = world.sim.create_user(&old, "svc@old.example");
    let document = serde_json::json!({
        "tenant": "old",
        "grant": "password",
        "username": user.username,
        "password": format!("{}{}", user.password, user.security_token),
        "login_url": world.sim.url(),
    });
    let document = ImportDocument::parse(document.to_string().as_bytes()).unwrap();
    let management = &world.orgpass().engine().management;
    assert_eq!(management.import_document(&document).await, Ok(Imported::Created));
    assert_eq!(management.import_document(&document).await, Ok(Imported::Unchanged));
    assert_eq!(world.caller().get(LIMITS).tenant("old").send().await.status, 200);
    world.sim.expire_sessions(&old);
    assert_eq!(world.caller().get(LIMITS).tenant("old").send().await.status, 200);

    let other = World::start().await;
    let refused = other.orgpass().engine().management.import_document(&document).await;
    assert!(matches!(&refused, Err(Refusal::Input(faults)) if faults.iter().any(|fault| fault.why.contains("allow"))));
}
