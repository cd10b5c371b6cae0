//! `orgpass doctor`: what is wrong, as an operator meets it, and the fix that is named.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use orgpass::app::Engine;
use orgpass::config::Config;
use orgpass::connection::ConnectionKey;
use orgpass::store::{NewRecord, PutWhen};
use orgpass::token::GrantSecret;
use redis_child::{HeldPort, RedisChild};
use salesforce_sim::{ApiFamily, Effect, Fault, OrgOptions, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{LIMITS, Site, code};

const SETUP: [&str; 2] = ["doctor", "--json"];
const ACME: [&str; 4] = ["doctor", "--tenant", "acme", "--json"];

/// What doctor printed.
struct Findings(String);

impl Findings {
    /// Of a doctor that finds nothing that fails.
    fn well(site: &Site, arguments: &[&str]) -> Self {
        Self(site.done(arguments, ""))
    }

    /// Of a doctor that finds something that fails.
    fn ill(site: &Site, arguments: &[&str]) -> Self {
        let output = site.run(arguments, "");
        assert_eq!(code(&output), 1, "{output:?}");
        Self(String::from_utf8(output.stdout).unwrap())
    }

    fn of(&self, check: &str) -> serde_json::Value {
        let findings = self.0.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let mut findings = findings.filter(|finding| finding["check"] == check);
        findings.next().unwrap_or_else(|| panic!("{check}: {}", self.0))
    }

    #[track_caller]
    fn are(&self, verdict: &str, checks: &[&str]) {
        for check in checks {
            assert_eq!(self.of(check)["verdict"], verdict, "{check}: {}", self.0);
        }
    }

    /// The check has this verdict, and names a fix that says this.
    #[track_caller]
    fn name(&self, verdict: &str, check: &str, fix: &str) {
        self.are(verdict, &[check]);
        let named = self.of(check);
        assert!(named["fix"].as_str().is_some_and(|named| named.contains(fix)), "{named}");
    }
}

async fn with_acme() -> (Site, salesforce_sim::Org) {
    let site = Site::new().await;
    let (acme, authorization) = site.authorization("acme");
    let import = ["connection", "import", "--tenant", "acme", "--instance-url", &acme.instance_url()];
    site.done(&import, &authorization);
    (site, acme)
}

/// Replaces a part of the site's configuration.
fn reconfigure(site: &Site, from: &str, to: &str) {
    let config = std::fs::read_to_string(site.path("orgpass.toml")).unwrap();
    assert!(config.contains(from), "{config}");
    std::fs::write(site.path("orgpass.toml"), config.replace(from, to)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_beside_a_running_serve_and_without_one() {
    let (site, _) = with_acme().await;
    for running in [false, true] {
        let _serve = if running { Some(site.serve().await) } else { None };
        let well = Findings::well(&site, &ACME);
        well.are("pass", &["configuration", "keys", "store", "dns", "egress address", "clock", "apps.default"]);
        well.are("pass", &["status", "session", "api access", "ip restriction", "limits"]);
        well.are("skip", &["tls", "store clock"]);
    }
    assert_eq!(site.sim.spent_tokens_presented(), 0, "nothing was spent");
    site.search_for_secrets();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_files_is_named() {
    let site = Site::new().await;
    std::fs::write(site.path("secret"), "another").unwrap();
    Findings::ill(&site, &SETUP).name("fail", "apps.default", "client_secret_file");
    std::fs::write(site.path("secret"), &site.app.client_secret).unwrap();
    std::fs::write(site.path("grant.keys"), "nonsense").unwrap();
    Findings::ill(&site, &SETUP).name("fail", "configuration", "orgpass config check");
    site.search_for_secrets();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_connection_is_named() {
    let (site, acme) = with_acme().await;
    site.sim.restrict_ip(&acme, Some(ApiFamily::Rest));
    let restricted = Findings::ill(&site, &ACME);
    restricted.name("fail", "api access", "IP restriction");
    restricted.name("fail", "ip restriction", "login IP ranges");
    restricted.name("fail", "ip restriction", "127.0.0.1");
    site.sim.lift_ip_restriction(&acme);

    let used_up = r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#;
    let limit = Fault::on_path("/services/data/v60.0/limits", Effect::Status(403, used_up.to_owned()));
    let limit = site.sim.fault(limit);
    let limited = Findings::ill(&site, &ACME);
    limited.name("fail", "api access", "used up");
    limited.are("skip", &["ip restriction"]);
    limit.end();

    site.sim.expire_sessions(&acme);
    let refused = Effect::TokenError("invalid_grant".to_owned(), "ip restricted".to_owned());
    let refused = site.sim.fault(Fault::on_token_endpoint(refused).for_good());
    let restricted = Findings::ill(&site, &ACME);
    restricted.name("fail", "session", "login IP ranges");
    restricted.name("fail", "ip restriction", "login IP ranges");
    refused.end();
    site.search_for_secrets();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_revoked_is_to_be_connected_again() {
    let site = Site::new().await;
    let (acme, authorization) = site.authorization("acme");
    site.done(&["connection", "import", "--tenant", "acme", "--instance-url", &acme.instance_url()], &authorization);
    let tokens: serde_json::Value = serde_json::from_str(&authorization).unwrap();
    site.sim.revoke_grant(tokens["refresh_token"].as_str().unwrap());
    site.sim.expire_sessions(&acme);
    Findings::ill(&site, &ACME).name("fail", "session", "Connect the org again");
    Findings::ill(&site, &ACME).name("fail", "status", "Connect the org again");
    site.done(&["connection", "remove", "--tenant", "acme"], "");
    Findings::ill(&site, &ACME).name("fail", "connection", "orgpass connection list");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_are_nearly_used_up_are_a_warning() {
    let site = Site::new().await;
    let org = site.sim.create_org(OrgOptions { daily_api_requests: 10, ..OrgOptions::default() });
    let user = site.sim.create_user(&org, "ana@acme.example");
    let tokens = site.sim.authorize(&site.app, &user);
    let input = serde_json::json!({ "access_token": tokens.access_token, "refresh_token": tokens.refresh_token });
    let import = ["connection", "import", "--tenant", "acme", "--instance-url", &org.instance_url()];
    site.done(&import, &input.to_string());
    Findings::well(&site, &ACME).are("pass", &["limits"]);
    let serve = site.serve().await;
    for _ in 0..7 {
        assert_eq!(site.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    }
    drop(serve);
    Findings::well(&site, &ACME).name("warn", "limits", "who calls so much");
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_were_asked_for_and_not_granted_are_a_warning() {
    let (site, _) = with_acme().await;
    let key = ConnectionKey::parse("acme", None).unwrap();
    let config = Config::load(Some(&site.path("orgpass.toml")), []).unwrap();
    {
        let engine = Engine::build(&config).unwrap();
        let record = engine.store.read_record(&key).await.unwrap().unwrap();
        let read = record.head.generation;
        let mut grant = GrantSecret::open(config.vault(), &key, &record.grant, read).unwrap();
        grant.asked = Some("api refresh_token cdp_query_api".to_owned());
        grant.granted = Some("api refresh_token".to_owned());
        let grant = grant.seal(config.vault(), &key).unwrap();
        let record = NewRecord { head: record.head, session: record.session, grant };
        engine.store.put(&key, &record, PutWhen::At(read)).await.unwrap();
    }
    let findings = Findings::well(&site, &ACME);
    findings.name("warn", "scopes", "connect again");
    assert!(findings.of("scopes")["seen"].as_str().unwrap().contains("cdp_query_api"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_is_named_and_the_rest_is_looked_at_all_the_same() {
    let (site, _) = with_acme().await;
    let nobody = HeldPort::new();
    let address = nobody.address();
    reconfigure(&site, "[vault]", &format!("[store]\nurl = \"redis://{address}\"\ntimeout = \"1s\"\n[vault]"));
    let findings = Findings::ill(&site, &ACME);
    findings.name("fail", "store", "is it running");
    findings.are("pass", &["dns", "clock", "apps.default"]);
    findings.name("fail", "connection", "the store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve_is_told_from_a_host_that_does_not_answer() {
    let site = Site::new().await;
    let login = site.sim.url();
    reconfigure(&site, "[\"127.0.0.1\"]", "[\"127.0.0.1\", \"nowhere.invalid\"]");
    reconfigure(&site, &login, "https://nowhere.invalid");
    let nameless = Findings::ill(&site, &SETUP);
    nameless.name("fail", "dns", "resolver");
    nameless.are("skip", &["tls"]);
    let nobody = HeldPort::new();
    reconfigure(&site, "https://nowhere.invalid", &format!("https://{}", nobody.address()));
    let silent = Findings::ill(&site, &SETUP);
    silent.are("pass", &["dns"]);
    silent.name("fail", "tls", "firewall");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_here_trusts_is_named() {
    let site = tokio::task::spawn_blocking(|| Site::before(Simulator::start_on_thread(true))).await.unwrap();
    let untrusted = Findings::ill(&site, &SETUP);
    untrusted.are("pass", &["dns"]);
    untrusted.name("fail", "tls", "salesforce.ca_file");
    std::fs::write(site.path("roots.pem"), site.sim.ca_pem()).unwrap();
    reconfigure(&site, "[salesforce]", "[salesforce]\nca_file = \"roots.pem\"");
    Findings::well(&site, &SETUP).are("pass", &["dns", "tls", "clock", "apps.default"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_host_whose_clock_is_apart_is_named() {
    for (apart, verdict) in [(3600, "fail"), (60, "warn")] {
        let site = Site::new().await;
        let login = site.sim.url();
        let elsewhen = login_host(Duration::from_secs(apart)).await;
        reconfigure(&site, &login, &format!("http://{elsewhen}"));
        let output = site.run(&SETUP, "");
        assert_eq!(code(&output), if verdict == "fail" { 1 } else { 0 });
        Findings(String::from_utf8(output.stdout).unwrap()).name(verdict, "clock", "NTP");
    }
}

/// Something that answers everything, some time ago.
async fn login_host(ago: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let date = httpdate::fmt_http_date(SystemTime::now() - ago);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = format!("HTTP/1.1 404 Not Found\r\ndate: {date}\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_whose_clock_is_apart_is_named() {
    let redis = tokio::task::spawn_blocking(RedisChild::start).await.unwrap();
    let elsewhen = ten_minutes_behind(redis.port()).await;
    let site = Site::new().await;
    reconfigure(&site, "[vault]", &format!("[store]\nurl = \"redis://{elsewhen}\"\n[vault]"));
    let findings = Findings::well(&site, &SETUP);
    findings.are("pass", &["store"]);
    findings.name("warn", "store clock", "NTP");
    reconfigure(&site, &elsewhen.to_string(), &format!("127.0.0.1:{}", redis.port()));
    Findings::well(&site, &SETUP).are("pass", &["store clock"]);
}

/// Leads to a Redis, and takes ten minutes from whatever it says of the time.
async fn ten_minutes_behind(port: u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            let redis = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut from_caller, mut to_caller) = caller.into_split();
            let (mut from_redis, mut to_redis) = redis.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_caller, &mut to_redis).await });
            tokio::spawn(async move {
                let mut said = vec![0; 1 << 16];
                while let Ok(length @ 1..) = from_redis.read(&mut said).await {
                    set_back(&mut said[..length]);
                    if to_caller.write_all(&said[..length]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

/// Sets back the seconds of a reply to `TIME`.
fn set_back(said: &mut [u8]) {
    let head = b"*2\r\n$10\r\n";
    let Some(at) = said.windows(head.len()).position(|window| window == head) else { return };
    let seconds = &mut said[at + head.len()..][..10];
    let now: u64 = std::str::from_utf8(seconds).unwrap().parse().unwrap();
    seconds.copy_from_slice((now - 600).to_string().as_bytes());
}
