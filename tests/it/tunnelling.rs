//! Egress proxies: Salesforce is somewhere else, and only a proxy knows the way.

pub mod proxy;

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use http::StatusCode;
use orgpass::cli::{Exit, Surroundings};
use salesforce_sim::Simulator;
use salesforce_sim::eventbus::{TopicInfo, TopicRequest};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::proxy::{Manner, Proxy};
use crate::caller::Reply;
use crate::subscribing::grpc::Client;
use crate::world::{Connected, ELSEWHERE, Options, World, eventually};

const LIMITS: &str = "/services/data/v67.0/limits";
const NOT_SENT: &str = r#"orgpass_exchanges_total{grant="refresh_token",result="not_sent"}"#;

/// Salesforce somewhere else, with these lines in `[salesforce]`. Every call dials.
async fn world(salesforce: &str, secrets: Vec<(&'static str, String)>) -> World {
    let config = format!("[salesforce]\nmax_idle = 0\n{salesforce}");
    World::with(Options { config, elsewhere: true, secrets, ..Options::default() }).await
}

impl World {
    async fn call_limits(&self, tenant: &str) -> Reply {
        self.caller().get(LIMITS).tenant(tenant).send().await
    }

    /// A call of the Pub/Sub API, for acme.
    async fn get_topic(&self, acme: &Connected) {
        self.sim.define_event(&acme.org, "/event/Order__e", json!({"Number__c": "text"}));
        let client = Client::in_the_clear(self.orgpass().proxy_address().unwrap(), &self.seen).await.tenant("acme");
        let topic = TopicRequest { topic_name: "/event/Order__e".to_owned() };
        client.call::<TopicInfo>("GetTopic", &topic).await.unwrap();
    }
}

/// What Orgpass answers when it does not get through.
#[track_caller]
fn said(reply: &Reply, error: &str) -> String {
    assert_eq!(reply.headers["orgpass-error"], error, "{reply:?}");
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    body[0]["message"].as_str().unwrap().to_owned()
}

fn acme() -> String {
    format!("acme.{ELSEWHERE}")
}

fn login() -> String {
    format!("login.{ELSEWHERE}")
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Runs a command beside the world, and gives what it printed.
async fn command(world: &World, arguments: &[&str], exit: Exit) -> String {
    let file = world.dir.path().join("orgpass.toml").display().to_string();
    let arguments: Vec<_> = ["orgpass"].iter().chain(arguments).chain(&["--config", &file]).map(Into::into).collect();
    let run = move || {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let around = Surroundings {
            env: Vec::new(),
            input: &mut io::empty(),
            output: &mut output,
            errors: &mut errors,
            interactive: false,
        };
        let exited = orgpass::cli::run(arguments, around);
        (exited, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap())
    };
    let (exited, output, errors) = tokio::task::spawn_blocking(run).await.unwrap();
    world.seen.add(output.as_bytes());
    world.seen.add(errors.as_bytes());
    assert_eq!(exited, exit, "{output}{errors}");
    output
}

/// Replaces a file in one step.
fn rewrite(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join("new"), text).unwrap();
    std::fs::rename(folder.join("new"), folder.join(name)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_exchanges_each_go_by_their_own_proxy() {
    let (calls, exchanges) = (Proxy::start().await, Proxy::start().await);
    // Each worker has connections of its own.
    let config = format!(
        "[proxy]\nworkers = 1\n[salesforce]\nproxy_url = \"{}\"\nexchange_proxy_url = \"{}\"",
        calls.url(),
        exchanges.url()
    );
    let world = World::with(Options { config, elsewhere: true, ..Options::default() }).await;
    let connected = world.connect("acme", None).await;
    for _ in 0..3 {
        assert_eq!(world.call_limits("acme").await.status, StatusCode::OK);
    }
    assert_eq!(calls.asked(), [acme()], "a connection is kept like any other");
    assert_eq!(exchanges.asked(), [""; 0]);

    world.sim.expire_sessions(&connected.org);
    let replayed = world.call_limits("acme").await;
    assert_eq!((replayed.status, replayed.headers["orgpass-replay"].as_bytes()), (StatusCode::OK, &b"done"[..]));
    assert_eq!(exchanges.asked(), [login()]);
    assert_eq!(calls.asked(), [""; 0]);

    let key = &connected.key;
    let checked = world.orgpass().engine().management.check(key).await.unwrap();
    assert_eq!(checked.org_id.as_str(), connected.org.org_id());
    assert_eq!(exchanges.asked(), [acme()], "whose session it is, is asked by the way of exchanges");
    world.orgpass().engine().management.examine(key).await.unwrap();
    assert_eq!(calls.asked(), [acme()], "what a session may do, is asked by the way of calls");

    for _ in 0..2 {
        world.get_topic(&connected).await;
    }
    assert_eq!(calls.asked(), [format!("pubsub.{ELSEWHERE}")]);
    assert_eq!(exchanges.asked(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_take_the_way_of_calls() {
    let (calls, exchanges) = (Proxy::start().await, Proxy::start().await);
    let config = format!(
        "[salesforce]\nproxy_url = \"{}\"\nexchange_proxy_url = \"{}\"\n\
         [hub.webhooks.crm]\nurl = \"https://hooks.{ELSEWHERE}/\"\nsecret_file = \"webhook\"",
        calls.url(),
        exchanges.url()
    );
    let secrets = vec![("webhook", crate::delivering::SECRET.to_owned())];
    let world = World::with(Options { config, elsewhere: true, secrets, ..Options::default() }).await;
    crate::delivering::until_known(&world).await;
    world.connect("acme", None).await;
    let receiver = format!("hooks.{ELSEWHERE}:443");
    eventually("the webhook is told", async || calls.asked_with_ports().contains(&receiver)).await;
    assert!(!exchanges.asked_with_ports().contains(&receiver));
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_take_the_way_of_calls_if_they_have_none_of_their_own() {
    let proxy = Proxy::start().await;
    proxy.behave(Manner::OpensInOldWay);
    let world = world(&format!("proxy_url = \"{}\"", proxy.url()), Vec::new()).await;
    let connected = world.connect("acme", None).await;
    world.sim.expire_sessions(&connected.org);
    assert_eq!(world.call_limits("acme").await.status, StatusCode::OK);
    assert_eq!(proxy.asked(), [acme(), login(), acme()]);
    assert!(
        command(&world, &["config", "check"], Exit::Success).await.contains(&format!("calls through {}", proxy.url()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_read_anew_for_each_tunnel() {
    let proxy = Proxy::start().await;
    let (old, new) = ("orgpass:0ld-Pa$$w0rd", "orgpass:n3w:Pa$$w0rd");
    proxy.want(new);
    let settings = format!("proxy_url = \"{}\"\nproxy_credentials_file = \"credentials\"", proxy.url());
    let secrets = vec![("credentials", old.to_owned()), ("another", new.to_owned())];
    let world = world(&settings, secrets).await;
    world.connect("acme", None).await;
    let refused = world.call_limits("acme").await;
    assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
    assert!(said(&refused, "upstream_unreachable").contains("salesforce.proxy_credentials_file"));
    let doctor = command(&world, &["doctor"], Exit::Failed).await;
    assert!(doctor.contains("(407): mend salesforce.proxy_credentials_file"), "{doctor}");

    rewrite(world.dir.path(), "credentials", new);
    assert_eq!(world.call_limits("acme").await.status, StatusCode::OK);
    proxy.want(old);
    assert_eq!(world.call_limits("acme").await.status, StatusCode::BAD_GATEWAY);
    rewrite(world.dir.path(), "credentials", &format!("{old}\n"));
    assert_eq!(world.call_limits("acme").await.status, StatusCode::OK);

    std::fs::remove_file(world.dir.path().join("credentials")).unwrap();
    proxy.asked();
    let unread = world.call_limits("acme").await;
    assert!(said(&unread, "upstream_unreachable").contains("salesforce.proxy_credentials_file"));
    assert_eq!(proxy.asked(), [""; 0], "it is not asked without");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_finds_no_way_out_spends_nothing() {
    let proxy = Proxy::start().await;
    proxy.behave(Manner::Says(b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec()));
    let calls = Proxy::start().await;
    let settings = format!(
        "proxy_url = \"{}\"\nexchange_proxy_url = \"{}\"\n[proxy]\ntoken_wait = \"500ms\"",
        calls.url(),
        proxy.url()
    );
    let world = world(&settings, Vec::new()).await;
    let connected = world.connect("acme", None).await;
    world.sim.expire_sessions(&connected.org);
    let refused = world.call_limits("acme").await;
    said(&refused, "token_unavailable");
    assert!(world.metric(NOT_SENT).await >= 1.0);
    let events = world.events_about(&proxy.url());
    assert!(events.iter().any(|line| line.contains("the token endpoint was not reached") && line.contains("403")));

    proxy.behave(Manner::Opens);
    eventually("it is tried again", async || world.call_limits("acme").await.status == StatusCode::OK).await;
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_does_wrong_is_told_as_its_doing() {
    let proxy = Proxy::start().await;
    let world = world(&format!("proxy_url = \"{}\"\nconnect_timeout = \"500ms\"", proxy.url()), Vec::new()).await;
    world.connect("acme", None).await;
    let says = |text: &str| Manner::Says(text.as_bytes().to_vec());
    for (manner, error, told, logged) in [
        (says("HTTP/1.1 403 Forbidden\r\n\r\n"), "upstream_unreachable", "does not let it out", "(403 Forbidden)"),
        (says("HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n"), "upstream_unreachable", "does not let it out", "(301"),
        (says("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "upstream_unreachable", "cannot reach the org's host", "(502"),
        (says("HTTP/1.1 504 Gateway Timeout\r\n\r\n"), "upstream_unreachable", "cannot reach the org's host", "(504"),
        (
            says("SSH-2.0-OpenSSH_9.6\r\n"),
            "upstream_unreachable",
            "does not answer as an HTTP proxy",
            "as an HTTP proxy",
        ),
        (says("HTTP/1.1 200 OK\r\n\r\nHello"), "upstream_unreachable", "does not answer as an HTTP", "before TLS"),
        (says("HTTP/1.1 200 OK\r\nA"), "upstream_timeout", "no way to the org in time", "in time"),
        (Manner::IsSilent, "upstream_timeout", "no way to the org in time", "in time"),
        (
            Manner::NeverEnds("HTTP/1.1 200 OK\r\n", "x-more: 1\r\n"),
            "upstream_unreachable",
            "as an HTTP proxy",
            "too large",
        ),
        (
            Manner::NeverEnds("HTTP/1.1 200 OK\r\nx-long: ", "aaaaaaaa"),
            "upstream_unreachable",
            "as an HTTP proxy",
            "too large",
        ),
        (Manner::NeverEnds("", "HTTP/1.1 100 Continue\r\n\r\n"), "upstream_timeout", "in time", "in time"),
    ] {
        proxy.behave(manner.clone());
        let reply = world.call_limits("acme").await;
        let said = said(&reply, error);
        assert!(said.contains(told) && said.contains("The request was not sent"), "{manner:?}: {said}");
        let last = world.events_about(&proxy.url()).pop().unwrap();
        assert!(last.contains(logged), "{manner:?}: {last}");
    }
    assert_eq!(world.sim.requests().len(), 0);
    proxy.behave(Manner::Opens);
    assert_eq!(world.call_limits("acme").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_away_is_named() {
    let nobody = nobody().await;
    let world = world(&format!("proxy_url = \"http://{nobody}\""), Vec::new()).await;
    world.connect("acme", None).await;
    let reply = world.call_limits("acme").await;
    assert_eq!(reply.status, StatusCode::BAD_GATEWAY);
    assert!(said(&reply, "upstream_unreachable").contains("salesforce.proxy_url"));
    let doctor = command(&world, &["doctor", "--tenant", "acme"], Exit::Failed).await;
    assert!(doctor.contains(&format!("http://{nobody} (salesforce.proxy_url) was not reached")), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_sees_the_way_that_a_proxy_opens() {
    let proxy = Proxy::start().await;
    let world = world(&format!("proxy_url = \"{}\"", proxy.url()), Vec::new()).await;
    let connected = world.connect("acme", None).await;
    let doctor = command(&world, &["doctor", "--tenant", "acme", "--json"], Exit::Success).await;
    let verdict = |check: &str| {
        let findings = doctor.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        findings.into_iter().find(|finding| finding["check"] == check).map(|finding| finding["verdict"].clone())
    };
    for check in ["egress proxy", "egress address", "tls", "apps.default", "session", "api access"] {
        assert_eq!(verdict(check), Some(json!("pass")), "{check}: {doctor}");
    }
    assert_eq!(verdict("dns"), None, "no name is resolved here");
    world.sim.restrict_ip(&connected.org, Some(salesforce_sim::ApiFamily::Rest));
    let doctor = command(&world, &["doctor", "--tenant", "acme", "--json"], Exit::Failed).await;
    assert!(doctor.contains(&format!("that of the egress proxy {}", proxy.url())), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_are_listed_go_without() {
    let proxy = Proxy::start().await;
    let settings = format!("proxy_url = \"{}\"\nno_proxy = [\"globex.{ELSEWHERE}\"]", proxy.url());
    let world = world(&settings, Vec::new()).await;
    for tenant in ["acme", "globex"] {
        world.connect(tenant, None).await;
    }
    assert_eq!(world.call_limits("acme").await.status, StatusCode::OK);
    // Nobody here knows where it is.
    let said = said(&world.call_limits("globex").await, "upstream_unreachable");
    assert!(!said.contains("proxy"), "{said}");
    assert_eq!(proxy.asked(), [acme()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_reached_without() {
    let settings = format!("[salesforce]\nproxy_url = \"http://{}\"", nobody().await);
    let world = World::configured(&settings).await;
    let connected = world.connect("acme", None).await;
    world.sim.expire_sessions(&connected.org);
    assert_eq!(world.call_limits("acme").await.status, StatusCode::OK);
    // By TLS too.
    world.get_topic(&connected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_leads_elsewhere_learns_nothing() {
    let proxy = Proxy::start().await;
    let world = world(&format!("proxy_url = \"{}\"", proxy.url()), Vec::new()).await;
    let connected = world.connect("acme", None).await;
    // Its certificate has the same names, by an authority that nobody trusts.
    let imitation = Simulator::start_on_thread(true);
    proxy.behave(Manner::LeadsTo(imitation.addr()));
    said(&world.call_limits("acme").await, "upstream_unreachable");
    world.sim.expire_sessions(&connected.org);
    let checked = world.orgpass().engine().management.check(&connected.key).await;
    assert!(checked.is_err());
    assert_eq!(imitation.requests().len(), 0);
    assert_eq!(proxy.asked().len(), 2);
}
