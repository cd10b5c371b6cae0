//! A real `redis-server` for one test: on a free port, in a folder of its own, killed when dropped. A Unix socket beside
//! the port gives the test every right, whatever users the port asks for.

mod certificate;

use std::io::{Read, Seek};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use certificate::Certificate;

/// Far more than a start takes on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(20);
/// A port that was free may be taken before the server has it.
const START_TRIES: usize = 10;

/// The user of the test itself.
const ADMIN: &str = "redis-child";

/// How a server is to be started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Serve TLS instead of plain TCP.
    pub tls: bool,
    /// Lines of configuration, such as `user NAME on >PASSWORD ~* +@all` or `maxmemory-policy allkeys-lru`.
    pub config: Vec<String>,
}

/// A running server.
#[derive(Debug)]
pub struct RedisChild {
    options: Options,
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
    certificate: Option<Certificate>,
}

impl RedisChild {
    /// Starts a plain server that asks for no password.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts a server as `options` say.
    pub fn start_with(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let certificate = options.tls.then(|| Certificate::write(folder.path()));
        for _ in 0..START_TRIES {
            let port = free_port();
            if let Some(child) = launch(folder.path(), port, &options) {
                return Self { options, child, port, folder, certificate };
            }
        }
        panic!("redis-server does not start: {}", log(folder.path()));
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
        self.port
    }

    /// The root of its certificate, in PEM, if it serves TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.certificate.as_ref().map(|certificate| certificate.root_pem.as_str())
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

    /// Kills the server; what was not written to its disk is lost.
    pub fn kill(&mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }

    /// Starts the server again on its old port.
    pub fn restart(&mut self) {
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if let Some(child) = launch(self.folder.path(), self.port, &self.options) {
                self.child = child;
                return;
            }
        }
        panic!("redis-server does not start again: {}", log(self.folder.path()));
    }

    fn url_for(&self, user: &str) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        format!("{scheme}://{user}127.0.0.1:{}", self.port)
    }
}

impl Drop for RedisChild {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("a listener has an address").port()
}

/// Starts the program and waits until it answers; `None` if it ended instead.
fn launch(folder: &Path, port: u16, options: &Options) -> Option<Child> {
    let path = |name: &str| folder.join(name).display().to_string();
    let (plain, tls) = if options.tls { (0, port) } else { (port, 0) };
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
    ];
    if options.tls {
        config.push(format!("tls-cert-file {}", path("server.pem")));
        config.push(format!("tls-key-file {}", path("server.key")));
        config.push("tls-auth-clients no".to_owned());
    }
    config.extend(options.config.iter().cloned());
    std::fs::write(folder.join("redis.conf"), config.join("\n")).expect("the folder can be written to");
    let output = std::fs::File::create(folder.join("log")).expect("the folder can be written to");
    let mut child = Command::new("redis-server")
        .arg(folder.join("redis.conf"))
        .stdin(Stdio::null())
        .stdout(output)
        .spawn()
        .expect("redis-server is installed");
    let start = Instant::now();
    while start.elapsed() < START_LIMIT {
        if child.try_wait().expect("the child can be waited for").is_some() {
            return None;
        }
        if raw(folder).is_ok_and(|mut raw| redis::cmd("PING").exec(&mut raw).is_ok()) {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
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
