//! Real processes on one Redis: sidecars, and hubs if the sidecars have no grant keys. Each can be killed, told to stop,
//! and started again as it was; what they print is kept in files, and all of them end with the test.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use orgpass::vault::new_key_line;
use salesforce_sim::{App, AppOptions, Org, OrgOptions, Simulator, Tokens, User};

use super::backend::{Backend, Kind};
use crate::caller::Caller;
use crate::world::{Seen, eventually, secret_forms};

/// Far more than a start, or an end in order, takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// Who exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Every sidecar for itself.
    Sidecars,
    /// Two hubs, for sidecars without grant keys.
    Hubs,
    /// One hub, which looks at each connection and counts all of them twice a second.
    WatchfulHub,
}

impl Shape {
    fn hubs(self) -> usize {
        match self {
            Self::Sidecars => 0,
            Self::Hubs => 2,
            Self::WatchfulHub => 1,
        }
    }
}

/// How large a fleet is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub sidecars: usize,
    pub connections: usize,
}

/// What a test runs.
pub struct Fleet {
    pub sim: Simulator,
    app: App,
    pub connections: Vec<Connected>,
    pub sidecars: Vec<Arc<Member>>,
    pub hubs: Vec<Arc<Member>>,
    pub backend: Arc<Mutex<Backend>>,
    keys: Vec<String>,
    dir: tempfile::TempDir,
}

/// A connection of one tenant.
pub struct Connected {
    pub tenant: String,
    pub org: Org,
    user: User,
    /// Those with which it was connected.
    pub tokens: Tokens,
}

/// One process that can be ended and started again.
pub struct Member {
    pub name: String,
    /// The client secret by which the simulator knows it.
    pub secret: String,
    folder: PathBuf,
    child: Mutex<Option<Child>>,
    /// Odd while it runs.
    life: AtomicU64,
    ops: Mutex<Option<SocketAddr>>,
    kills: Mutex<Vec<Instant>>,
}

/// How a process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGKILL.
    Kill,
    /// SIGTERM, and waiting for it to be done.
    Terminate,
}

impl Fleet {
    /// Starts everything, with connections that have sessions of this life, if they end at all.
    pub async fn start(shape: Shape, size: Size, redis: Kind, session_life: Option<Duration>) -> Self {
        let built = tokio::task::spawn_blocking(move || Self::build(shape, size, Backend::start(redis), session_life));
        let fleet = built.await.unwrap();
        for member in fleet.members() {
            member.start().await;
        }
        for sidecar in &fleet.sidecars {
            eventually("a sidecar is ready", async || sidecar.readiness().await.contains("\"ok\"")).await;
        }
        fleet
    }

    fn build(shape: Shape, size: Size, backend: Backend, session_life: Option<Duration>) -> Self {
        let sim = Simulator::start_on_thread(false);
        sim.keep_requests(0);
        let app = sim.create_app(AppOptions { session_life, ..AppOptions::default() });
        let dir = tempfile::tempdir().unwrap();
        let keys: Vec<String> = (0..2).map(|_| new_key_line().to_string()).collect();
        write(&dir.path().join("session.keys"), &keys[0]);
        write(&dir.path().join("grant.keys"), &keys[1]);
        backend.write_files(dir.path());
        let mut fleet = Self {
            sim,
            app,
            connections: vec![],
            sidecars: vec![],
            hubs: vec![],
            backend: Arc::new(Mutex::new(backend)),
            keys,
            dir,
        };
        let exchanging = fleet.config(true);
        fleet.connect(size.connections, &exchanging);
        for number in 0..size.sidecars {
            let config = if shape == Shape::Sidecars { exchanging.clone() } else { fleet.config(false) };
            let member = fleet.member(format!("sidecar{number}"), config);
            fleet.sidecars.push(member);
        }
        for number in 0..shape.hubs() {
            let mut config = exchanging.clone();
            let mut hub = toml::Table::from_iter([("listen".to_owned(), "127.0.0.1:0".into())]);
            if shape == Shape::WatchfulHub {
                hub.insert("check_every".to_owned(), "500ms".into());
            }
            config.insert("hub".to_owned(), hub.into());
            let member = fleet.member(format!("hub{number}"), config);
            fleet.hubs.push(member);
        }
        fleet
    }

    /// The configuration of a process in a folder below; one that exchanges, or a sidecar that asks the hub.
    fn config(&self, exchanges: bool) -> toml::Table {
        let backend = self.backend.lock().unwrap();
        let (store, app) = match exchanges {
            true => {
                let app = format!(
                    "[vault]\nsession_keys_file = \"../session.keys\"\ngrant_keys_file = \"../grant.keys\"\n\
                     journal_dir = \"journal\"\n\
                     [apps.default]\nclient_id = \"{}\"\nclient_secret_file = \"secret\"\nlogin_url = \"{}\"\n",
                    self.app.client_id,
                    self.sim.url()
                );
                (backend.settings("orgpass"), app)
            }
            false => (backend.settings("orgpass-sidecar"), "[vault]\nsession_keys_file = \"../session.keys\"\n".into()),
        };
        let listeners = "[proxy]\nlisten = \"unix:proxy.sock\"\n[ops]\nlisten = \"127.0.0.1:0\"\n";
        // A session that lives for two seconds may be over before a Redis that fails over has it, and is then taken for
        // one that the org refuses; that is to pass as soon as Redis is back.
        let tokens = "[tokens]\ncooldown = \"1s\"\ncooldown_max = \"1s\"\n";
        format!("{listeners}{store}{app}{tokens}[salesforce]\ntrusted_hosts = [\"127.0.0.1\"]\n").parse().unwrap()
    }

    fn member(&self, name: String, config: toml::Table) -> Arc<Member> {
        let folder = self.dir.path().join(&name);
        std::fs::create_dir(&folder).unwrap();
        let secret = self.sim.add_secret(&self.app);
        write(&folder.join("secret"), &secret);
        write(&folder.join("orgpass.toml"), &config.to_string());
        Arc::new(Member {
            name,
            secret,
            folder,
            child: Mutex::default(),
            life: AtomicU64::new(0),
            ops: Mutex::default(),
            kills: Mutex::default(),
        })
    }

    /// Connects so many tenants, as an operator does.
    fn connect(&mut self, count: usize, config: &toml::Table) {
        let mut lines = String::new();
        for number in 0..count {
            let tenant = format!("tenant{number}");
            let org = self.sim.create_org(OrgOptions { name: tenant.clone(), ..OrgOptions::default() });
            let user = self.sim.create_user(&org, &format!("ana@{tenant}.example"));
            let connected = Connected { tokens: self.sim.authorize(&self.app, &user), tenant, org, user };
            lines.push_str(&self.import_line(&connected));
            self.connections.push(connected);
        }
        let folder = self.dir.path().join("operator");
        std::fs::create_dir(&folder).unwrap();
        write(&folder.join("secret"), &self.app.client_secret);
        write(&folder.join("orgpass.toml"), &config.to_string());
        self.operate(&["connection", "import", "--ndjson"], &lines);
    }

    /// What `connection import --ndjson` reads of a connection.
    fn import_line(&self, connected: &Connected) -> String {
        let line = serde_json::json!({
            "tenant": connected.tenant,
            "instance_url": connected.org.instance_url(),
            "login_url": self.sim.url(),
            "access_token": connected.tokens.access_token,
            "refresh_token": connected.tokens.refresh_token,
            "issued_at": connected.tokens.issued_at,
        });
        format!("{line}\n")
    }

    /// Connects a tenant anew, after its user has consented again. Blocks.
    pub fn connect_again(&self, tenant: usize) {
        let before = &self.connections[tenant];
        let again = Connected {
            tenant: before.tenant.clone(),
            org: before.org.clone(),
            user: before.user.clone(),
            tokens: self.sim.authorize(&self.app, &before.user),
        };
        self.operate(&["connection", "import", "--ndjson"], &self.import_line(&again));
    }

    /// Runs a command until it succeeds, and gives what it printed. A store that is failing over is given a minute.
    /// Blocks.
    pub fn operate(&self, arguments: &[&str], input: &str) -> String {
        let began = Instant::now();
        loop {
            match self.try_to_operate(arguments, input) {
                Ok(printed) => return printed,
                Err(said) => {
                    let is_passing = said.contains("store is unavailable") && began.elapsed() < Duration::from_secs(60);
                    assert!(is_passing, "{arguments:?}: {said}");
                    std::thread::sleep(Duration::from_millis(500));
                }
            }
        }
    }

    /// Runs a command once; what it said if it did not succeed.
    fn try_to_operate(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let folder = self.dir.path().join("operator");
        let mut command = orgpass(&folder, arguments);
        let errors = log(&folder, "stderr");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        log(&folder, "stdout").write_all(&output.stdout).unwrap();
        if !output.status.success() {
            let said = std::fs::read_to_string(folder.join("stderr")).unwrap();
            let last = said.lines().rev().find(|line| !line.is_empty()).unwrap_or_default();
            return Err(format!("{:?}: {last}", output.status));
        }
        Ok(String::from_utf8(output.stdout).unwrap())
    }

    /// Everyone.
    pub fn members(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.hubs.iter().chain(&self.sidecars)
    }

    /// Those that exchange.
    pub fn exchangers(&self) -> &[Arc<Member>] {
        if self.hubs.is_empty() { &self.sidecars } else { &self.hubs }
    }

    /// The sum of a series over all that run; `series` is a name with its labels.
    pub async fn metric(&self, series: &str) -> f64 {
        let mut sum = 0.0;
        for member in self.members() {
            let text = member.ask("/metrics").await.unwrap_or_default();
            sum += text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok()).unwrap_or(0.0);
        }
        sum
    }

    /// Of each call that a sidecar carried between these times, what it took beyond the org's own time, in milliseconds,
    /// as the access logs say.
    pub fn own_times(&self, between: &std::ops::Range<f64>) -> Vec<f64> {
        let mut took = Vec::new();
        for sidecar in &self.sidecars {
            let log = std::fs::read(sidecar.folder.join("stdout")).unwrap();
            let lines = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let calls = lines.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap());
            let number = |call: &serde_json::Value, key: &str| call[key].as_f64().unwrap();
            took.extend(
                calls
                    .filter(|call| between.contains(&number(call, "time")))
                    .map(|call| number(&call, "ms") - number(&call, "upstream_ms")),
            );
        }
        took.sort_unstable_by(f64::total_cmp);
        took
    }

    /// The lines of all logs that contain these words.
    pub fn events(&self, words: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for member in self.members() {
            let text = String::from_utf8_lossy(&std::fs::read(member.folder.join("stderr")).unwrap()).into_owned();
            let lines = text.lines().filter(|line| words.iter().all(|word| line.contains(word)));
            found.extend(lines.map(|line| format!("{}: {line}", member.name)));
        }
        found
    }

    /// The newest generation of each tenant's connection that stands in a journal, by its number.
    pub fn journalled(&self) -> BTreeMap<String, u64> {
        let mut newest = BTreeMap::new();
        for member in self.members() {
            for file in std::fs::read_dir(member.folder.join("journal")).into_iter().flatten() {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                for (tenant, number) in super::journal::entries(&bytes) {
                    let known: &mut u64 = newest.entry(tenant).or_default();
                    *known = number.max(*known);
                }
            }
        }
        newest
    }

    /// Searches everything that was printed or stored for every secret there was. Blocks.
    pub fn search_for_secrets(&self) {
        let mut secrets = self.sim.secrets();
        secrets.extend(self.keys.iter().map(|line| line.rsplit_once(':').unwrap().1.to_owned()));
        let forms: Vec<String> = secrets.iter().flat_map(|secret| secret_forms(secret)).collect();
        let search = super::leaks::Search::new(&forms);
        for member in self.members().map(|member| &member.folder).chain([&self.dir.path().join("operator")]) {
            for name in ["stdout", "stderr"] {
                let printed = std::fs::read(member.join(name)).unwrap_or_default();
                assert!(!search.finds(&printed), "{name} of {} contains a secret", member.display());
            }
            for journal in std::fs::read_dir(member.join("journal")).into_iter().flatten() {
                let kept = std::fs::read(journal.unwrap().path()).unwrap();
                assert!(!search.finds(&kept), "the journal of {} contains a secret", member.display());
            }
        }
        assert!(!search.finds(&self.backend.lock().unwrap().dump()), "the store contains a secret");
    }
}

impl Member {
    /// Which life of it runs; `None` while it does not.
    pub fn life(&self) -> Option<u64> {
        let life = self.life.load(Ordering::SeqCst);
        (life % 2 == 1).then_some(life)
    }

    /// Where callers connect.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("proxy.sock")
    }

    /// Where operators connect.
    pub fn ops(&self) -> SocketAddr {
        self.ops.lock().unwrap().expect("it has been started")
    }

    /// When it was killed.
    pub fn kills(&self) -> Vec<Instant> {
        self.kills.lock().unwrap().clone()
    }

    /// Starts it and waits until it says that it runs.
    pub async fn start(&self) {
        let before = std::fs::metadata(self.folder.join("stderr")).map_or(0, |file| file.len());
        let (out, errors) = (log(&self.folder, "stdout"), log(&self.folder, "stderr"));
        let child = orgpass(&self.folder, &["serve"]).stdin(Stdio::null()).stdout(out).stderr(errors).spawn().unwrap();
        *self.child.lock().unwrap() = Some(child);
        let started = Instant::now();
        let ops = loop {
            assert!(started.elapsed() < PATIENCE, "{} does not start", self.name);
            let log = std::fs::read(self.folder.join("stderr")).unwrap();
            let said = String::from_utf8_lossy(&log[usize::try_from(before).unwrap()..]).into_owned();
            if let Some(ops) = said.lines().find_map(ops_address) {
                break ops;
            }
            let ended = self.child.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{} ended at its start: {said}", self.name);
            tokio::time::sleep(POLL).await;
        };
        *self.ops.lock().unwrap() = Some(ops);
        self.life.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends it; callers are told before.
    pub async fn end(&self, how: End) {
        self.life.fetch_add(1, Ordering::SeqCst);
        let mut child = self.child.lock().unwrap().take().unwrap();
        match how {
            End::Kill => {
                child.kill().unwrap();
                self.kills.lock().unwrap().push(Instant::now());
                child.wait().unwrap();
            }
            End::Terminate => {
                assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
                let asked = Instant::now();
                let status = loop {
                    if let Some(status) = child.try_wait().unwrap() {
                        break status;
                    }
                    if asked.elapsed() > 2 * PATIENCE {
                        // Ended all the same, or it would outlive the test.
                        let _ = child.kill();
                        panic!("{} does not end", self.name);
                    }
                    tokio::time::sleep(POLL).await;
                };
                assert_eq!(status.code(), Some(0), "{} was cut short", self.name);
            }
        }
    }

    /// What the readiness probe says.
    pub async fn readiness(&self) -> String {
        self.ask("/readyz").await.unwrap_or_default()
    }

    async fn ask(&self, path: &str) -> Option<String> {
        let ops = (*self.ops.lock().unwrap()).filter(|_| self.life().is_some())?;
        let reply = Caller::new(ops, Seen::default()).get(path).try_send().await.ok()?;
        Some(reply.text().to_owned())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(child) = self.child.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for member in self.members() {
            if let Some(mut child) = member.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        if std::thread::panicking() {
            // What the processes said is what explains a failure.
            let kept = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
            super::say(&format!("the logs are kept in {}", kept.keep().display()));
        } else {
            self.search_for_secrets();
        }
    }
}

fn orgpass(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orgpass"));
    command.env_remove("HTTPS_PROXY").env_remove("https_proxy");
    command.args(arguments).current_dir(folder).env("ORGPASS_CONFIG", folder.join("orgpass.toml"));
    command
}

fn log(folder: &Path, name: &str) -> File {
    File::options().create(true).append(true).open(folder.join(name)).unwrap()
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// The address in "orgpass is running".
fn ops_address(line: &str) -> Option<SocketAddr> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    (event["message"] == "orgpass is running").then(|| event["ops"].as_str()?.strip_prefix("http://")?.parse().ok())?
}
