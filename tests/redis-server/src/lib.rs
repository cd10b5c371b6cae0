//! A real `redis-server` for one test, alone, in a Cluster or watched by Sentinels: on free ports, in folders of their
//! own, killed when dropped or when the test is. A Unix socket beside the port gives the test every right, whatever
//! users the port asks for.

mod certificate;
mod cluster;
mod paused;
mod port;
mod process;
mod sentinel;

use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use certificate::Certificate;
pub use cluster::RedisCluster;
pub use paused::Paused;
pub use port::HeldPort;
use process::Process;
pub use sentinel::SentinelGroup;

/// Far more than a start takes on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The user of the test itself.
const ADMIN: &str = "redis-child";

/// How a server is to be started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Serve TLS instead of plain TCP.
    pub tls: bool,
    /// With TLS, refuse clients that show no certificate of the same root.
    pub client_certificates: bool,
    /// Lines of configuration, such as `user NAME on >PASSWORD ~* +@all` or `maxmemory-policy allkeys-lru`.
    pub config: Vec<String>,
}

/// A running server.
#[derive(Debug)]
pub struct RedisChild {
    launch: Launch,
    process: Option<Process>,
    folder: tempfile::TempDir,
    certificate: Option<Arc<Certificate>>,
}

/// What a server is started with, again on the same ports.
#[derive(Debug)]
struct Launch {
    options: Options,
    port: HeldPort,
    bus_port: Option<HeldPort>,
    arguments: Vec<&'static str>,
}

impl RedisChild {
    /// Starts a plain server that asks for no password.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts a server as `options` say.
    pub fn start_with(options: Options) -> Self {
        let certificate = options.tls.then(|| Arc::new(Certificate::new()));
        Self::start_at(options, certificate, &[], None)
    }

    /// Starts a server on a port of its own, and one of a Cluster on that of its bus.
    fn start_at(
        options: Options,
        certificate: Option<Arc<Certificate>>,
        arguments: &[&'static str],
        bus_port: Option<HeldPort>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        if let Some(certificate) = &certificate {
            certificate.write(folder.path());
        }
        let launch = Launch { options, port: HeldPort::new(), bus_port, arguments: arguments.to_vec() };
        let process = launch.start(folder.path());
        assert!(process.is_some(), "redis-server does not start: {}", log(folder.path()));
        Self { launch, process, folder, certificate }
    }

    /// The URL without user and password.
    pub fn url(&self) -> String {
        self.url_for("")
    }

    /// The URL with a user name, without password.
    pub fn url_of(&self, user: &str) -> String {
        self.url_for(&format!("{user}@"))
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.launch.port.number()
    }

    fn bus_port(&self) -> u16 {
        self.launch.bus_port.as_ref().expect("it is a node of a Cluster").number()
    }

    /// The root of its certificate, in PEM, if it serves TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.certificate.as_ref().map(|certificate| certificate.root_pem.as_str())
    }

    /// The certificate that its clients can show, and its key, in PEM, if it serves TLS.
    pub fn client_pem(&self) -> Option<(&str, &str)> {
        self.certificate.as_ref().map(|certificate| (certificate.client.0.as_str(), certificate.client.1.as_str()))
    }

    /// A section of what it tells of itself.
    pub fn info(&self, section: &str) -> String {
        redis::cmd("INFO").arg(section).query(&mut self.raw()).expect("the server tells of itself")
    }

    /// Whether it has not been killed.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| !process.is_over())
    }

    /// A connection with every right, for looking and meddling.
    pub fn raw(&self) -> redis::Connection {
        raw(self.folder.path()).expect("the server's own socket can be connected to")
    }

    /// Sets a key to any bytes, or deletes it, past every user's rights.
    pub fn set(&self, key: &str, value: Option<&[u8]>) {
        let command = match value {
            Some(value) => redis::cmd("SET").arg(key).arg(value).take(),
            None => redis::cmd("DEL").arg(key).take(),
        };
        command.exec(&mut self.raw()).expect("the server does as it is told");
    }

    /// Deletes everything in it, scripts too.
    pub fn flush(&self) {
        redis::cmd("SCRIPT").arg("FLUSH").exec(&mut self.raw()).expect("the server does as it is told");
        redis::cmd("FLUSHALL").exec(&mut self.raw()).expect("the server does as it is told");
    }

    /// Makes the server hang for as long as what is given back lives.
    pub fn pause(&self) -> Paused {
        Paused::new(self)
    }

    /// Kills the server; what was not written to its disk is lost.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the server again on its old port.
    pub fn restart(&mut self) {
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if let Some(process) = self.launch.start(self.folder.path()) {
                self.process = Some(process);
                return;
            }
        }
        panic!("redis-server does not start again: {}", log(self.folder.path()));
    }

    fn url_for(&self, user: &str) -> String {
        let scheme = if self.launch.options.tls { "rediss" } else { "redis" };
        format!("{scheme}://{user}127.0.0.1:{}", self.port())
    }
}

impl Launch {
    /// Starts the program and waits until it answers; `None` if it ended instead.
    fn start(&self, folder: &Path) -> Option<Process> {
        let file = folder.join("redis.conf");
        std::fs::write(&file, self.config(folder).join("\n")).expect("the folder can be written to");
        let mut process = Process::start(&file, &self.arguments, &folder.join("log"));
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if process.is_over() {
                return None;
            }
            if raw(folder).is_ok_and(|mut raw| redis::cmd("PING").exec(&mut raw).is_ok()) {
                return Some(process);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    fn config(&self, folder: &Path) -> Vec<String> {
        let path = |name: &str| folder.join(name).display().to_string();
        let port = self.port.number();
        let (plain, tls) = if self.options.tls { (0, port) } else { (port, 0) };
        let mut config = vec![
            "bind 127.0.0.1".to_owned(),
            format!("port {plain}"),
            format!("tls-port {tls}"),
            format!("unixsocket {}", path("redis.sock")),
            format!("dir {}", path("")),
            "save \"\"".to_owned(),
            "shutdown-timeout 0".to_owned(),
            "repl-diskless-sync-delay 0".to_owned(),
            format!("user {ADMIN} on nopass ~* &* +@all"),
            // With which it follows a master.
            format!("masteruser {ADMIN}"),
            "masterauth any".to_owned(),
        ];
        if self.options.tls {
            config.push(format!("tls-cert-file {}", path("server.pem")));
            config.push(format!("tls-key-file {}", path("server.key")));
            config.push(format!("tls-ca-cert-file {}", path("root.pem")));
            let wanted = if self.options.client_certificates { "yes" } else { "no" };
            config.push(format!("tls-auth-clients {wanted}"));
        }
        config.extend(self.bus_port.iter().map(|bus| format!("cluster-port {}", bus.number())));
        config.extend(self.options.config.iter().cloned());
        config
    }
}

/// Asks until the answer is yes; for what comes with time.
fn until(what: &str, mut ask: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ask() {
        assert!(start.elapsed() < START_LIMIT, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn raw(folder: &Path) -> redis::RedisResult<redis::Connection> {
    let socket = folder.join("redis.sock");
    redis::Client::open(format!("redis+unix://{}?user={ADMIN}&pass=any", socket.display()))?.get_connection()
}

fn log(folder: &Path) -> String {
    let mut text = String::new();
    if let Ok(mut file) = std::fs::File::open(folder.join("log")) {
        let _ = file.rewind();
        let _ = file.read_to_string(&mut text);
    }
    text
}
