//! The Redis that a fleet shares, and what can be done to it.

use std::path::Path;
use std::process::Command;

use redis_child::{Options, RedisChild};

use crate::world::{documented_rules, everything};

const PASSWORD: &str = "correct-horse-battery-staple";

/// A real Redis with the two documented users and nobody else.
pub enum Backend {
    /// One server that loses nothing when it is killed.
    Single(RedisChild),
}

impl Backend {
    pub fn single() -> Self {
        let mut options = options();
        options.config.extend(["appendonly yes", "appendfsync always"].map(str::to_owned));
        Self::Single(RedisChild::start_with(options))
    }

    /// The section `[store]` for this user.
    pub fn settings(&self, user: &str) -> String {
        let url = match self {
            Self::Single(server) => server.url_of(user),
        };
        format!("[store]\nurl = \"{url}\"\npassword_file = \"../redis-password\"\n")
    }

    pub fn write_files(&self, dir: &Path) {
        std::fs::write(dir.join("redis-password"), PASSWORD).unwrap();
    }

    /// Stops it in the middle of whatever it does, as a machine that hangs. Blocks.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Ends [`Backend::pause`]. Blocks.
    pub fn resume(&self, pid: &str) {
        signal("-CONT", pid);
    }

    /// The process id of the one server. Blocks.
    pub fn pid(&self) -> String {
        let Self::Single(server) = self;
        let info: String = redis::cmd("INFO").arg("server").query(&mut server.raw()).unwrap();
        info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().trim().to_owned()
    }

    fn signal(&self, name: &str) {
        signal(name, &self.pid());
    }

    /// Kills what leads. Blocks.
    pub fn kill(&mut self) {
        let Self::Single(server) = self;
        server.kill();
    }

    /// Starts again what was killed. Blocks.
    pub fn restart(&mut self) {
        let Self::Single(server) = self;
        server.restart();
    }

    /// Makes every open intent a minute older, so that its exchange is known to be over. Blocks.
    pub fn age_intents(&mut self) -> usize {
        let mut aged = 0;
        for server in self.servers() {
            let mut raw = server.raw();
            let names: Vec<String> = redis::cmd("KEYS").arg("orgpass:intent:*").query(&mut raw).unwrap();
            for name in names {
                let Some(text) = redis::cmd("GET").arg(&name).query::<Option<String>>(&mut raw).unwrap() else {
                    continue;
                };
                let mut intent: serde_json::Value = serde_json::from_str(&text).unwrap();
                intent["at"] = (intent["at"].as_u64().unwrap() - 60 * 1000).into();
                redis::cmd("SET").arg(&name).arg(intent.to_string()).exec(&mut raw).unwrap();
                aged += 1;
            }
        }
        aged
    }

    /// All that it holds, raw. Blocks.
    pub fn dump(&mut self) -> Vec<u8> {
        self.servers().iter().flat_map(|server| everything(&mut server.raw())).collect()
    }

    /// Those that can be written to.
    fn servers(&mut self) -> Vec<&RedisChild> {
        match self {
            Self::Single(server) => vec![server],
        }
    }
}

fn options() -> Options {
    let users = ["orgpass", "orgpass-sidecar"].map(|user| format!("user {}", documented_rules(user, PASSWORD)));
    let config = users.into_iter().chain(["user default off".to_owned()]).collect();
    Options { config, ..Options::default() }
}

fn signal(name: &str, pid: &str) {
    assert!(Command::new("kill").args([name, pid]).status().unwrap().success());
}
