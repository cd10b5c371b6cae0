//! A world for one test: a simulated Salesforce, a store, and Orgpass in this process with its logs captured. When the
//! world ends, everything that Orgpass wrote or answered is searched for every secret there was.

mod prometheus_text;
mod redis;

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine;
use http::HeaderMap;
use orgpass::app::App;
use orgpass::config::Config;
use orgpass::connection::{Cause, ConnectionKey, Generation, Status};
use orgpass::secret::Secret;
use orgpass::store::{Fingerprint, GrantKind, Head, NewRecord, Put, PutWhen, StoreUrl};
use orgpass::token::{GrantSecret, SessionSecret};
use orgpass::vault::new_key_line;
use redis_child::RedisChild;
use salesforce_sim::{AppKey, AppOptions, Org, OrgOptions, Simulator, Tokens, User};

use crate::caller::Caller;

/// Where Salesforce is if it is not on this machine: a name that is reserved for tests.
pub const ELSEWHERE: &str = "salesforce.test";
/// Between two looks at a condition.
const POLL: Duration = Duration::from_millis(5);
/// Far more than any condition takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub use prometheus_text::series;
pub use redis::{Redis, documented_rules, everything};

/// Bytes that came out of Orgpass.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<u8>>>);

impl Seen {
    pub fn add(&self, bytes: &[u8]) {
        let mut seen = self.0.lock().unwrap();
        // Bodies of megabytes are the tests' own; secrets stand in small ones.
        seen.extend_from_slice(&bytes[..bytes.len().min(1 << 20)]);
        seen.push(b'\n');
    }

    pub fn add_headers(&self, headers: &HeaderMap) {
        for (name, value) in headers {
            self.add(&[name.as_str().as_bytes(), b": ", value.as_bytes()].concat());
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Events of all worlds of this process: `tracing` has one subscriber.
fn events() -> &'static Seen {
    static EVENTS: OnceLock<Seen> = OnceLock::new();
    EVENTS.get_or_init(|| {
        let seen = Seen::default();
        let writer = seen.clone();
        let everything = orgpass::telemetry::Settings {
            format: orgpass::access_log::Format::Text,
            access: true,
            level: "trace".to_owned(),
        };
        orgpass::telemetry::init(&everything, move || writer.clone());
        seen
    })
}

/// What a world is made of; the defaults are the common case.
#[derive(Default)]
pub struct Options {
    /// More lines for the configuration file.
    pub config: String,
    /// The simulated app.
    pub app: AppOptions,
    /// The Redis that holds the connections, if not an embedded file.
    pub redis: Option<Redis>,
    /// The URL of a store that the test keeps itself, if not one of the world's own.
    pub store: Option<String>,
    /// Whether Salesforce is somewhere else: its hosts have names below [`ELSEWHERE`], which nothing here resolves.
    pub elsewhere: bool,
    /// Files in the world's folder: a name, and a secret that is searched for at the end.
    pub secrets: Vec<(&'static str, String)>,
}

pub struct World {
    pub sim: Simulator,
    pub sim_app: salesforce_sim::App,
    pub config: Config,
    pub dir: tempfile::TempDir,
    pub log: Seen,
    pub seen: Seen,
    pub redis: Option<Redis>,
    more: String,
    orgpass: Option<App>,
    keys: Vec<String>,
    elsewhere: bool,
    secrets: Vec<String>,
}

/// A connection with both its ends.
pub struct Connected {
    pub key: ConnectionKey,
    pub org: Org,
    pub user: User,
    pub tokens: Tokens,
}

impl World {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn on(redis: &RedisChild) -> Self {
        Self::with(Options { store: Some(redis.url()), ..Options::default() }).await
    }

    /// With more lines in the configuration file.
    pub async fn configured(config: &str) -> Self {
        Self::with(Options { config: config.to_owned(), ..Options::default() }).await
    }

    pub async fn with(options: Options) -> Self {
        tokio::task::spawn_blocking(|| Self::build(options)).await.unwrap()
    }

    fn build(options: Options) -> Self {
        events();
        let sim = Simulator::start_on_thread(options.elsewhere);
        let sim_app = sim.create_app(options.app);
        let dir = tempfile::tempdir().unwrap();
        let keys: Vec<String> = (0..2).map(|_| new_key_line().to_string()).collect();
        std::fs::write(dir.path().join("session.keys"), &keys[0]).unwrap();
        std::fs::write(dir.path().join("grant.keys"), &keys[1]).unwrap();
        std::fs::write(dir.path().join("client-secret"), &sim_app.client_secret).unwrap();
        std::fs::write(dir.path().join("simulator.pem"), sim.ca_pem()).unwrap();
        std::fs::write(dir.path().join("app.pem"), AppKey::first().private_key).unwrap();
        let named = options.store.map(|url| format!("[store]\nurl = \"{url}\""));
        let store = options.redis.as_ref().map(|redis| redis.settings(dir.path())).or(named);
        for (name, secret) in &options.secrets {
            std::fs::write(dir.path().join(name), secret).unwrap();
        }
        let places = Places::of(&sim, options.elsewhere);
        let config = Self::config(&places, &sim_app, &options.config, store.as_deref(), dir.path());
        let log = Seen::default();
        let orgpass = App::start(&config, Box::new(log.clone())).unwrap();
        let seen = Seen::default();
        let (redis, more) = (options.redis, options.config);
        let secrets = options.secrets.into_iter().map(|(_, secret)| secret).collect();
        let elsewhere = options.elsewhere;
        Self { sim, sim_app, config, dir, log, seen, redis, more, orgpass: Some(orgpass), keys, elsewhere, secrets }
    }

    /// Stops Orgpass, and starts it again as the files in `dir` now say.
    pub async fn restart(&mut self) {
        assert!(self.stop().await, "something was cut short");
        self.start_again().await;
    }

    /// Starts Orgpass after [`World::stop`].
    pub async fn start_again(&mut self) {
        let store = self.redis.as_ref().map(|redis| redis.settings(self.dir.path()));
        let places = Places::of(&self.sim, self.elsewhere);
        self.config = Self::config(&places, &self.sim_app, &self.more, store.as_deref(), self.dir.path());
        let (config, log) = (self.config.clone(), self.log.clone());
        self.orgpass =
            Some(tokio::task::spawn_blocking(move || App::start(&config, Box::new(log)).unwrap()).await.unwrap());
    }

    /// Starts Orgpass again on this Redis, with the configuration that it had.
    pub async fn start_again_on(&mut self, redis: &RedisChild) {
        assert_eq!(self.config.store.url, redis.url().parse().unwrap());
        self.orgpass = Some(self.beside(|_| {}).await);
    }

    /// Writes a new key into a key file, and gives back what stood there.
    pub fn replace_key(&mut self, file: &str) -> String {
        let old = self.key_lines(file).join("\n");
        let line = new_key_line().to_string();
        self.write_keys(file, &[line]);
        old
    }

    /// The lines of a key file.
    pub fn key_lines(&self, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join(file)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Writes a key file, whose keys are searched for like every secret.
    pub fn write_keys(&mut self, file: &str, lines: &[String]) {
        self.keys.extend_from_slice(lines);
        // In one step, so that no reader meets half of it.
        let new = self.dir.path().join("keys.new");
        std::fs::write(&new, lines.join("\n")).unwrap();
        std::fs::rename(new, self.dir.path().join(file)).unwrap();
    }

    /// Ends Orgpass at once: what it was doing is cut off.
    pub async fn kill(&mut self) {
        let orgpass = self.orgpass.take().unwrap();
        tokio::task::spawn_blocking(|| drop(orgpass)).await.unwrap();
    }

    /// Another Orgpass with the world's configuration changed, on the world's store.
    pub async fn beside(&self, change: impl FnOnce(&mut toml::Table)) -> App {
        let mut table: toml::Table =
            std::fs::read_to_string(self.dir.path().join("orgpass.toml")).unwrap().parse().unwrap();
        change(&mut table);
        listen_anywhere(&mut table);
        let config = Config::from_toml(&table.to_string(), self.dir.path()).unwrap();
        let log = self.log.clone();
        tokio::task::spawn_blocking(move || App::start(&config, Box::new(log)).unwrap()).await.unwrap()
    }

    /// The events of all worlds that name this; events are looked for by a tenant's name, so use one of its own.
    pub fn events_about(&self, word: &str) -> Vec<String> {
        events().text().lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
    }

    fn config(places: &Places, app: &salesforce_sim::App, more: &str, store: Option<&str>, dir: &Path) -> Config {
        let text = format!(
            r#"
            [vault]
            session_keys_file = "session.keys"
            grant_keys_file = "grant.keys"
            [apps.default]
            client_id = "{}"
            client_secret_file = "client-secret"
            login_url = "{}"
            sandbox_login_url = "{}"
            [salesforce]
            trusted_hosts = {:?}
            account_engagement_url = "{}"
            platform_url = "{}"
            pubsub_url = "{}"
            ca_file = "simulator.pem"
            "#,
            app.client_id,
            places.login,
            places.sandbox_login,
            places.trusted,
            places.account_engagement,
            places.platform,
            places.pubsub
        );
        let mut table: toml::Table = text.parse().unwrap();
        merge(&mut table, more.parse().unwrap());
        let mut defaults: toml::Table =
            "[proxy]\nlisten = \"127.0.0.1:0\"\n[ops]\nlisten = \"127.0.0.1:0\"".parse().unwrap();
        if let Some(store) = store {
            merge(&mut defaults, store.parse().unwrap());
        }
        merge(&mut defaults, table);
        listen_anywhere(&mut defaults);
        let file = dir.join("orgpass.toml");
        std::fs::write(&file, defaults.to_string()).unwrap();
        Config::load(Some(&file), []).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    pub fn orgpass(&self) -> &App {
        self.orgpass.as_ref().unwrap()
    }

    /// A caller of the proxy.
    pub fn caller(&self) -> Caller {
        Caller::new(self.orgpass().proxy_address().unwrap(), self.seen.clone())
    }

    /// A reader of the operators' listener.
    pub fn operator(&self) -> Caller {
        Caller::new(self.orgpass().ops_address(), self.seen.clone())
    }

    /// A user of the hub's pages and API.
    pub fn hub(&self) -> Caller {
        Caller::new(self.orgpass().hub_address().unwrap(), self.seen.clone())
    }

    /// Connects a new org's user for a tenant, or a tenant's user.
    pub async fn connect(&self, tenant: &str, user: Option<&str>) -> Connected {
        let mut options = OrgOptions { name: tenant.to_owned(), ..OrgOptions::default() };
        if self.elsewhere {
            options.host = format!("{tenant}.{ELSEWHERE}");
        }
        let org = self.sim.create_org(options);
        let sim_user = self.sim.create_user(&org, &format!("ana@{tenant}.example"));
        let tokens = self.sim.authorize(&self.sim_app, &sim_user);
        let key = ConnectionKey::parse(tenant, user).unwrap();
        self.store(&key, &tokens).await;
        Connected { key, org, user: sim_user, tokens }
    }

    /// Writes a connection as an import would.
    pub async fn store(&self, key: &ConnectionKey, tokens: &Tokens) {
        let record = self.record(key, tokens);
        let put = self.orgpass().engine().store.put(key, &record, PutWhen::Absent).await.unwrap();
        assert_eq!(put, Put::Stored);
    }

    /// A connection as an import would write it.
    pub fn record(&self, key: &ConnectionKey, tokens: &Tokens) -> NewRecord {
        let generation = Generation::first();
        let (session, grant) = self.secrets_of(generation, tokens);
        let fingerprint = grant.refresh_token.as_ref().map(Fingerprint::of);
        let head = Head::new(generation, "default", GrantKind::RefreshToken, fingerprint);
        let vault = self.config.vault();
        NewRecord { head, session: Some(session.seal(vault, key).unwrap()), grant: grant.seal(vault, key).unwrap() }
    }

    /// A connection as an import of an access token alone would write it.
    pub fn record_without_grant(&self, key: &ConnectionKey, tokens: &Tokens) -> NewRecord {
        let mut record = self.record(key, tokens);
        let (_, mut grant) = self.secrets_of(record.head.generation, tokens);
        grant.refresh_token = None;
        record.grant = grant.seal(self.config.vault(), key).unwrap();
        (record.head.fingerprint, record.head.grant) = (None, GrantKind::AccessToken);
        record
    }

    fn secrets_of(&self, generation: Generation, tokens: &Tokens) -> (SessionSecret, GrantSecret) {
        let session = SessionSecret {
            generation,
            access_token: Secret::new(tokens.access_token.clone()),
            instance_url: tokens.instance_url.clone(),
            org_id: None,
            user_id: None,
            issued_at: None,
            life: None,
        };
        let grant = GrantSecret {
            generation,
            refresh_token: Some(Secret::new(tokens.refresh_token.clone())),
            username: None,
            password: None,
            login_url: Places::of(&self.sim, self.elsewhere).login,
            org_id: None,
            user_id: None,
            spent: Vec::new(),
            asked: None,
            granted: None,
        };
        (session, grant)
    }

    /// One metric's value, zero if it was never counted. `name` is the whole series, with its labels.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.operator().get("/metrics").send().await.body;
        let text = std::str::from_utf8(&text).unwrap().to_owned();
        text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok()).unwrap_or(0.0)
    }

    /// Waits until the metric has this value.
    pub async fn until_metric(&self, series: &str, value: f64) {
        eventually(series, async || self.metric(series).await == value).await;
    }

    /// A connection's status and cause in the store.
    pub async fn stored_status(&self, key: &ConnectionKey) -> (Status, Option<Cause>) {
        let row = self.orgpass().engine().store.read(key).await.unwrap().unwrap();
        (row.head.status, row.head.cause)
    }

    /// Stops Orgpass in order; true if nothing was cut short.
    pub async fn stop(&mut self) -> bool {
        let orgpass = self.orgpass.take().unwrap();
        tokio::task::spawn_blocking(|| orgpass.stop()).await.unwrap()
    }

    fn search_for_secrets(&self) {
        let mut secrets = self.sim.secrets();
        // The last field, of derived keys too.
        secrets.extend(self.keys.iter().map(|line| line.rsplit_once(':').unwrap().1.to_owned()));
        // Each line of a file is worth a search of its own; what stands before a colon is a name.
        let is_secret = |line: &&str| line.len() >= 8 && !line.starts_with('-');
        for line in self.secrets.iter().flat_map(|file| file.lines()).filter(is_secret) {
            secrets.push(line.to_owned());
            secrets.extend(line.split_once(':').map(|(_, password)| password.to_owned()));
        }
        // The same of a private key.
        let is_of_key = |line: &&str| line.len() >= 32 && !line.starts_with('-') && !line.contains(' ');
        secrets.extend(AppKey::first().private_key.lines().filter(is_of_key).map(str::to_owned));
        let stored = match (&self.redis, &self.config.store.url) {
            (Some(redis), _) => {
                secrets.push(redis::PASSWORD.to_owned());
                redis.dump()
            }
            (None, StoreUrl::File(path)) => std::fs::read(path).unwrap(),
            (None, StoreUrl::Redis(url)) => redis::everything_at(url.as_str()),
        };
        let places = [
            ("the access log", self.log.text().into_bytes()),
            ("an event", events().text().into_bytes()),
            ("a response or metric", self.seen.text().into_bytes()),
            ("the store", stored),
        ];
        for secret in &secrets {
            for form in secret_forms(secret) {
                let finder = memchr::memmem::Finder::new(form.as_bytes());
                for (place, bytes) in &places {
                    assert!(finder.find(bytes).is_none(), "{place} contains a secret");
                }
            }
        }
    }
}

/// Where the simulator's hosts are, as Orgpass is told.
struct Places {
    login: String,
    sandbox_login: String,
    account_engagement: String,
    platform: String,
    pubsub: String,
    trusted: Vec<String>,
}

impl Places {
    fn of(sim: &Simulator, elsewhere: bool) -> Self {
        let called = |name: &str, url: String| match elsewhere {
            true => url.replace("127.0.0.1", &format!("{name}.{ELSEWHERE}")),
            false => url,
        };
        let names = ["login", "pi", "api", "pubsub", "acme", "globex"];
        let mut trusted = vec!["127.0.0.1".to_owned()];
        if elsewhere {
            trusted.extend(names.map(|name| format!("{name}.{ELSEWHERE}")));
        }
        Self {
            login: called("login", sim.url()),
            sandbox_login: called("login", sim.sandbox_url()),
            account_engagement: called("pi", sim.account_engagement_url()),
            platform: called("api", sim.platform_url()),
            pubsub: called("pubsub", format!("https://{}", sim.pubsub_addr())),
            trusted,
        }
    }
}

/// A hub whose port nobody has chosen takes any.
fn listen_anywhere(table: &mut toml::Table) {
    if let Some(hub) = table.get_mut("hub").and_then(toml::Value::as_table_mut) {
        hub.entry("listen").or_insert_with(|| "127.0.0.1:0".into());
    }
}

/// Waits until the condition holds.
///
/// # Panics
/// When that takes more than a minute.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !holds().await {
            tokio::time::sleep(POLL).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, polling).await.is_ok(), "this did not come: {what}");
}

/// A secret as it is, in base64, and percent-encoded.
pub fn secret_forms(secret: &str) -> [String; 3] {
    let percent: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    [secret.to_owned(), base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret), percent]
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(known)), toml::Value::Table(more)) => merge(known, more),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(orgpass) = self.orgpass.take() {
            orgpass.begin_stop();
        }
        if !std::thread::panicking() {
            self.search_for_secrets();
        }
    }
}
