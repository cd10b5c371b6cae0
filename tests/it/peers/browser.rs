//! Connecting and watching in a real browser, before the simulator's own log-in and consent pages. What people do is in
//! `tests/peers/browser/`; every page is photographed, and judged by an accessibility checker.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use orgpass::connection::ConnectionKey;
use redis_child::HeldPort;
use salesforce_sim::{AppOptions, Org, OrgKind, OrgOptions, User};
use serde_json::{Value, json};

use super::{Peers, ROOT};
use crate::authenticating::LIMITS;
use crate::world::{Options, World};

const TOKEN: &str = "a-token-for-the-browser-tests-of-the-hub";

/// A hub, and three people who can log in somewhere.
struct Theatre {
    world: World,
    production: (Org, User),
    sandbox: (Org, User),
    own_address: (Org, User),
    hub: String,
    /// What browsers know it by.
    public_url: String,
    /// The app of somebody else, which has a page with the button.
    app: String,
    _tokens: tempfile::NamedTempFile,
    /// Of the hub, the app and the ingress.
    _ports: [HeldPort; 3],
}

impl Theatre {
    async fn open() -> Self {
        Self::with(false).await
    }

    /// With a hub that browsers reach at an ingress only, by TLS.
    async fn behind_ingress() -> Self {
        Self::with(true).await
    }

    async fn with(ingress: bool) -> Self {
        let ports = [HeldPort::new(), HeldPort::new(), HeldPort::new()];
        let [hub, app, entrance] = [&ports[0], &ports[1], &ports[2]].map(HeldPort::address);
        let (hub, app) = (format!("http://{hub}"), format!("http://{app}"));
        let public_url = if ingress { format!("https://localhost:{}", entrance.port()) } else { hub.clone() };
        let tokens = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(tokens.path(), format!("browser {TOKEN}\n")).unwrap();
        let config = format!(
            "hub.listen = \"{}\"\nhub.public_url = \"{public_url}\"\nhub.api_tokens_file = \"{}\"\nhub.return_to = [\"{app}\"]\n\
             apps.default.scopes = [\"api\", \"refresh_token\"]\napps.default.display_name = \"Acme Reports\"\n\
             apps.default.accent = \"#7b2d8b\"\n",
            hub.strip_prefix("http://").unwrap(),
            tokens.path().display(),
        );
        let sim_app = AppOptions {
            name: "Acme Reports".to_owned(),
            callback_urls: vec![format!("{public_url}/oauth/callback")],
            ..AppOptions::default()
        };
        let world = World::with(Options { config, app: sim_app, ..Options::default() }).await;
        let person = |name: &str, kind| {
            let org = world.sim.create_org(OrgOptions { name: name.to_owned(), kind, ..OrgOptions::default() });
            let user = world.sim.create_user(&org, &format!("ana@{name}.example"));
            (org, user)
        };
        let production = person("acme", OrgKind::Production);
        let sandbox = person("acme--uat", OrgKind::Sandbox);
        let own_address = person("globex", OrgKind::Production);
        Self { production, sandbox, own_address, hub, public_url, app, world, _tokens: tokens, _ports: ports }
    }

    /// Plays one of `tests/peers/browser/`.
    async fn play(&self, name: &str) {
        let seen = tempfile::NamedTempFile::new().unwrap();
        let login = |user: &User| json!({"username": user.username, "password": user.password});
        let props = json!({
            "play": name,
            "chromium": Peers::chromium(),
            "screenshots": Path::new(ROOT).join("target/peers/screenshots"),
            "seen": seen.path(),
            "hub": self.hub,
            "publicUrl": self.public_url,
            "tls": certificate(),
            "app": self.app,
            "token": TOKEN,
            "lightning": format!("{}/lightning/page/home", self.own_address.0.instance_url()),
            "users": {
                "production": login(&self.production.1),
                "sandbox": login(&self.sandbox.1),
                "ownAddress": login(&self.own_address.1),
            },
        });
        tokio::task::spawn_blocking(move || act(&props)).await.unwrap();
        self.world.seen.add(&std::fs::read(seen.path()).unwrap());
    }

    async fn serves(&self, tenant: &str, org: &Org) {
        let reply = self.world.caller().get(LIMITS).tenant(tenant).send().await;
        assert_eq!(reply.status, 200, "{tenant}: {}", reply.text());
        let view = self.world.orgpass().engine().management.show(&key(tenant)).await.unwrap();
        assert_eq!(view.org_id.as_deref(), Some(org.org_id()));
    }
}

fn act(props: &Value) {
    let mut node = Peers::node("browser/stage.mjs");
    node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = node.spawn().unwrap();
    child.stdin.take().unwrap().write_all(props.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
    assert_eq!(said(&output.stdout).trim(), "played");
}

/// For an ingress at localhost.
fn certificate() -> Value {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    json!({"cert": made.cert.pem(), "key": made.signing_key.serialize_pem()})
}

fn key(tenant: &str) -> ConnectionKey {
    ConnectionKey::parse(tenant, None).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_connect_production_sandbox_and_an_org_at_its_own_address() {
    let theatre = Theatre::open().await;
    theatre.play("connect").await;
    theatre.serves("production", &theatre.production.0).await;
    theatre.serves("sandbox", &theatre.sandbox.0).await;
    theatre.serves("own-address", &theatre.own_address.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_works_without_scripts() {
    let theatre = Theatre::open().await;
    theatre.play("without_script").await;
    theatre.serves("no-script", &theatre.production.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_leads_nowhere_says_why() {
    let theatre = Theatre::open().await;
    theatre.play("refused").await;
    theatre.serves("refused", &theatre.production.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_salesforce_refuses_is_explained() {
    let theatre = Theatre::open().await;
    let org = Some(&theatre.production.0);
    theatre.world.sim.refuse_authorize_of(None, org, "OAUTH_APP_BLOCKED", "this app is blocked by admin");
    theatre.play("blocked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_tells_its_page_how_it_ended() {
    let theatre = Theatre::open().await;
    theatre.play("button").await;
    theatre.serves("popup", &theatre.production.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_page_finds_checks_and_reconnects() {
    let theatre = Theatre::open().await;
    theatre.world.connect("acme", None).await;
    theatre.world.connect("acme", Some("ana")).await;
    let broken = theatre.world.connect("globex", None).await;
    theatre.world.sim.revoke_grant(&broken.tokens.refresh_token);
    let _ = theatre.world.orgpass().engine().management.check(&broken.key).await;
    theatre.play("status").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_tls_the_cookies_are_ones_that_nobody_else_can_set() {
    let theatre = Theatre::behind_ingress().await;
    theatre.play("ingress").await;
    theatre.serves("ingress", &theatre.production.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accessibility_checker_finds_what_is_wrong() {
    Theatre::open().await.play("checker").await;
}
