//! The program itself, as an operator runs it: exit codes, the command line beside a running `serve`, and signals.

mod doctor;
mod following;
mod footprint;
mod starting;
mod stopping;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use http_body_util::BodyExt;
use redis_child::HeldPort;
use salesforce_sim::{AppOptions, Effect, Fault, OrgOptions, Simulator};

use crate::caller::Caller;
use crate::world::{Seen, eventually};

const LIMITS: &str = "/services/data/v67.0/limits";

/// A folder with all that `serve` needs, and a simulated Salesforce.
pub struct Site {
    pub sim: Simulator,
    app: salesforce_sim::App,
    dir: tempfile::TempDir,
    proxy: SocketAddr,
    _ports: [HeldPort; 2],
    seen: Seen,
}

impl Site {
    pub async fn new() -> Self {
        tokio::task::spawn_blocking(Self::build).await.unwrap()
    }

    fn build() -> Self {
        Self::before(Simulator::start_on_thread(false))
    }

    fn before(sim: Simulator) -> Self {
        let app = sim.create_app(AppOptions::default());
        let dir = tempfile::tempdir().unwrap();
        let ports = [HeldPort::new(), HeldPort::new()];
        let [proxy, ops] = [&ports[0], &ports[1]].map(HeldPort::address);
        let config = format!(
            "[proxy]\nlisten = \"{proxy}\"\n[ops]\nlisten = \"{ops}\"\n\
             [vault]\nsession_keys_file = \"session.keys\"\ngrant_keys_file = \"grant.keys\"\n\
             [apps.default]\nclient_id = \"{}\"\nclient_secret_file = \"secret\"\nlogin_url = \"{}\"\n\
             [salesforce]\ntrusted_hosts = [\"127.0.0.1\"]\n",
            app.client_id,
            sim.url()
        );
        let site = Self { sim, app, dir, proxy, _ports: ports, seen: Seen::default() };
        std::fs::write(site.path("orgpass.toml"), config).unwrap();
        std::fs::write(site.path("secret"), &site.app.client_secret).unwrap();
        for ring in ["session.keys", "grant.keys"] {
            let made = site.run(&["keys", "new"], "");
            assert!(made.status.success());
            std::fs::write(site.path(ring), made.stdout).unwrap();
        }
        site
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = orgpass(arguments);
        command.env("ORGPASS_CONFIG", self.path("orgpass.toml")).current_dir(self.dir.path());
        command
    }

    /// Runs a command to its end with this standard input.
    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        self.seen.add(&output.stdout);
        self.seen.add(&output.stderr);
        output
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub fn done(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {:?}: {errors}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts `serve` and waits until it answers.
    pub async fn serve(&self) -> Serve {
        let serve = self.begin_to_serve().await;
        // By then it has its store: the listener comes first.
        eventually("serve answers", async || self.caller().get("/").try_send().await.is_ok()).await;
        serve
    }

    /// Starts `serve` and waits until it listens, which is before it can answer.
    pub async fn begin_to_serve(&self) -> Serve {
        let serve = Serve(self.command(&["serve"]).spawn().unwrap());
        eventually("serve listens", async || tokio::net::TcpStream::connect(self.proxy).await.is_ok()).await;
        serve
    }

    /// Where what was printed or answered is collected.
    pub fn seen(&self) -> Seen {
        self.seen.clone()
    }

    pub fn caller(&self) -> Caller {
        Caller::new(self.proxy, self.seen.clone())
    }

    /// A new org's user, as the JSON that `connection import` reads.
    pub fn authorization(&self, tenant: &str) -> (salesforce_sim::Org, String) {
        let org = self.sim.create_org(OrgOptions { name: tenant.to_owned(), ..OrgOptions::default() });
        let user = self.sim.create_user(&org, &format!("ana@{tenant}.example"));
        let tokens = self.sim.authorize(&self.app, &user);
        let input = serde_json::json!({
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "issued_at": tokens.issued_at,
        });
        (org, input.to_string())
    }

    pub fn search_for_secrets(&self) {
        let said = self.seen.text();
        for secret in self.sim.secrets() {
            assert!(!said.contains(&secret), "a secret was printed");
        }
    }
}

/// A running `serve`; killed if a test leaves it running.
pub struct Serve(Child);

impl Serve {
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("serve ends", async || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    fn printed(&mut self) -> String {
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Ended already in the good case.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn orgpass(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orgpass"));
    // A proxy of whoever runs the tests is none of the tests' own.
    command.env_remove("HTTPS_PROXY").env_remove("https_proxy");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_works_beside_a_running_serve_and_without_one() {
    let site = Site::new().await;
    let (acme, authorization) = site.authorization("acme");
    let instance = acme.instance_url();
    let import = ["connection", "import", "--tenant", "acme", "--instance-url", &instance];
    let mut serve = site.serve().await;

    site.done(&import, &authorization);
    assert_eq!(site.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    site.done(&import, &authorization);
    let (_, another) = site.authorization("acme");
    assert_eq!(code(&site.run(&import, &another)), 73, "another authorization of an active connection is a conflict");

    site.sim.expire_sessions(&acme);
    site.done(&["connection", "check", "--tenant", "acme"], "");
    assert_eq!(site.sim.exchanges(), 1);
    site.done(&["connection", "refresh", "--tenant", "acme"], "");
    assert_eq!((site.sim.exchanges(), site.sim.spent_tokens_presented()), (2, 0));
    assert_eq!(site.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    let shown: serde_json::Value =
        serde_json::from_str(&site.done(&["connection", "show", "--tenant", "acme", "--json"], "")).unwrap();
    let local_token = shown["local_token"].as_str().unwrap();
    assert_eq!(local_token, format!("{}!orgpass.acme", acme.org_id()));
    let by_token = site.caller().get(LIMITS).header("authorization", format!("Bearer {local_token}")).send().await;
    assert_eq!(by_token.status, 200);

    site.done(&["connection", "remove", "--tenant", "acme"], "");
    eventually("the removed connection is refused", async || {
        site.caller().get(LIMITS).tenant("acme").send().await.error() == Some("not_connected")
    })
    .await;

    serve.signal("-TERM");
    assert_eq!(serve.ended().await.code(), Some(0));
    site.done(&import, &another);
    assert!(site.done(&["connection", "list"], "").contains("acme"));
    site.seen.add(serve.printed().as_bytes());
    site.search_for_secrets();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_connections_is_imported_but_for_the_lines_that_are_wrong() {
    let site = Site::new().await;
    let mut lines = Vec::new();
    for tenant in ["one", "two", "three"] {
        let (org, authorization) = site.authorization(tenant);
        let mut line: serde_json::Value = serde_json::from_str(&authorization).unwrap();
        line["tenant"] = tenant.into();
        line["instance_url"] = org.instance_url().into();
        lines.push(line);
    }
    lines[1]["instance_url"] = "https://evil.example".into();
    let stream: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let output = site.run(&["connection", "import", "--ndjson"], &stream);
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(code(&output), 65, "{errors}");
    assert!(errors.contains("line 2") && errors.contains("instance_url"), "{errors}");
    let listed = site.done(&["connection", "list"], "");
    assert!(listed.contains("one") && listed.contains("three") && !listed.contains("two"), "{listed}");
    site.search_for_secrets();
}

#[test]
fn a_bad_configuration_exits_64_and_lists_every_fault_with_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("orgpass.toml");
    std::fs::write(&file, "[proxy]\nlisten = \"0.0.0.0:8180\"\nlistn = 1\n[store]\nurl = \"mysql://x\"\n").unwrap();
    for command in [&["config", "check"][..], &["serve"]] {
        let output = orgpass(command).arg("--config").arg(&file).output().unwrap();
        let errors = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(code(&output), 64, "{errors}");
        for key in ["proxy.listen", "proxy.listn", "store.url", "vault.session_keys_file"] {
            assert!(errors.contains(key), "{key}: {errors}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_signal_lets_a_call_finish_and_the_second_ends_the_process_at_once() {
    let site = Site::new().await;
    let (acme, authorization) = site.authorization("acme");
    let instance = acme.instance_url();
    site.done(&["connection", "import", "--tenant", "acme", "--instance-url", &instance], &authorization);
    for second in [false, true] {
        let mut serve = site.serve().await;
        let held = site.sim.fault(Fault::on_path(LIMITS, Effect::HoldAnswer));
        let caller = site.caller();
        let call = tokio::spawn(async move { caller.get(LIMITS).tenant("acme").start().await });
        held.wait_held(1).await;
        serve.signal("-TERM");
        eventually("nobody is let in any more", async || tokio::net::TcpStream::connect(site.proxy).await.is_err())
            .await;
        if second {
            serve.signal("-TERM");
            assert_eq!(serve.ended().await.code(), Some(1));
            held.release();
            assert!(call.await.unwrap().is_err(), "the call was cut short");
        } else {
            held.release();
            let answer = call.await.unwrap().unwrap();
            assert_eq!(answer.status(), 200);
            answer.into_body().collect().await.unwrap();
            assert_eq!(serve.ended().await.code(), Some(0));
        }
        held.end();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drain_waits_for_calls_under_way_and_the_signal_that_follows_cuts_none_short() {
    let site = Site::new().await;
    let (acme, authorization) = site.authorization("acme");
    let instance = acme.instance_url();
    assert_eq!(code(&site.run(&["wait", "--timeout", "0"], "")), 69, "nothing runs yet");
    assert_eq!(code(&site.run(&["drain"], "")), 69, "nothing runs yet");
    site.done(&["connection", "import", "--tenant", "acme", "--instance-url", &instance], &authorization);
    let mut waiting = site.command(&["wait", "--timeout", "60"]).spawn().unwrap();
    let mut serve = site.serve().await;
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
    site.done(&["wait", "--timeout", "0"], "");

    let held = site.sim.fault(Fault::on_path(LIMITS, Effect::HoldAnswer));
    let caller = site.caller();
    let call = tokio::spawn(async move { caller.get(LIMITS).tenant("acme").start().await });
    held.wait_held(1).await;
    let mut drain = site.command(&["drain"]).spawn().unwrap();
    eventually("nobody is let in any more", async || tokio::net::TcpStream::connect(site.proxy).await.is_err()).await;
    let probed = site.run(&["wait", "--timeout", "0"], "");
    let errors = String::from_utf8(probed.stderr.clone()).unwrap();
    assert_eq!(code(&probed), 69);
    assert!(errors.contains("draining"), "{errors}");
    serve.signal("-TERM");
    assert_eq!(drain.try_wait().unwrap(), None, "a call is under way");
    held.release();
    let answer = call.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
    assert_eq!(serve.ended().await.code(), Some(0));
    assert_eq!(drain.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_events_are_had_beside_a_running_serve_and_without_one() {
    let site = Site::new().await;
    let (acme, authorization) = site.authorization("acme");
    let link = ["connection", "link", "--tenant", "acme", "--json"];
    let without = site.run(&link, "");
    assert_eq!(code(&without), 64);
    assert!(String::from_utf8(without.stderr).unwrap().contains("[hub]"));
    let config = std::fs::read_to_string(site.path("orgpass.toml")).unwrap();
    let hub = HeldPort::new();
    std::fs::write(site.path("orgpass.toml"), format!("{config}[hub]\nlisten = \"{}\"\n", hub.address())).unwrap();
    let instance = acme.instance_url();
    site.done(&["connection", "import", "--tenant", "acme", "--instance-url", &instance], &authorization);
    for running in [false, true] {
        let _serve = if running { Some(site.serve().await) } else { None };
        let minted: serde_json::Value = serde_json::from_str(&site.done(&link, "")).unwrap();
        assert!(minted["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{minted}");
        assert_eq!(
            code(&site.run(&["connection", "link", "--tenant", "acme", "--return-to", "https://x.example"], "")),
            65
        );
        let events = site.done(&["events", "--json"], "");
        let first: serde_json::Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
        assert_eq!((first["tenant"].as_str(), first["after"]["status"].as_str()), (Some("acme"), Some("active")));
        assert!(site.done(&["events"], "").contains("tenant acme: new -> active"));
        assert_eq!(site.done(&["events", "--after", first["id"].as_str().unwrap()], ""), "");
    }
    site.search_for_secrets();
}
