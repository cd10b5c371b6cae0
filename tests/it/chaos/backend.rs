//! The Redis that a fleet shares, and what can be done to it.

use std::path::Path;
use std::time::{Duration, Instant};

use redis_child::{Options, RedisChild, RedisCluster, SentinelGroup};

use super::Dice;

use crate::world::{documented_rules, everything};

const PASSWORD: &str = "correct-horse-battery-staple";
/// In milliseconds: far more than an exchange without faults takes, and how long a lease holds, after which an exchange
/// is known to be over.
const UNDER_WAY: u64 = 5_000;
const LEASE: u64 = 45_000;
/// Far more than it takes to fail over and follow on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A real Redis with the two documented users and nobody else.
pub enum Backend {
    /// One server that loses nothing when it is killed.
    Single(RedisChild),
    /// A master with a replica, watched by Sentinels. An intent waits for it.
    Sentinels(SentinelGroup),
    /// Three masters with a replica each. An intent waits for it.
    Cluster(RedisCluster),
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Single,
    Sentinels,
    Cluster,
}

impl Backend {
    /// Starts one. Blocks.
    pub fn start(kind: Kind) -> Self {
        let mut options = options();
        match kind {
            Kind::Single => {
                options.config.push("appendfsync always".to_owned());
                Self::Single(RedisChild::start_with(options))
            }
            Kind::Sentinels => Self::Sentinels(SentinelGroup::start(1, &options, None)),
            Kind::Cluster => Self::Cluster(RedisCluster::start(1, &options)),
        }
    }

    /// The section `[store]` for this user.
    pub fn settings(&self, user: &str) -> String {
        let (url, replicas) = match self {
            Self::Single(server) => (server.url_of(user), 0),
            Self::Sentinels(group) => (group.url_of(user), 1),
            Self::Cluster(cluster) => (cluster.url_of(user), 1),
        };
        format!("[store]\nurl = \"{url}\"\npassword_file = \"../redis-password\"\nreplicas = {replicas}\n")
    }

    pub fn write_files(&self, dir: &Path) {
        std::fs::write(dir.join("redis-password"), PASSWORD).unwrap();
    }

    /// The one server.
    pub fn single(&mut self) -> &mut RedisChild {
        match self {
            Self::Single(server) => server,
            _ => panic!("there are several"),
        }
    }

    /// Kills a server that leads, with what it has not told others, and says which. Blocks.
    pub fn kill_leader(&mut self, dice: &mut Dice) -> u16 {
        let leader = match self {
            Self::Single(server) => server,
            Self::Sentinels(group) => group.master(),
            Self::Cluster(cluster) => cluster.owner(&format!("key{}", dice.below(1000))),
        };
        leader.kill();
        leader.port()
    }

    /// Starts again what was killed, with what its disk has, and waits until everybody follows somebody: the next kill is
    /// a fail-over too. For a moment it may lead again beside the one that leads in its place. Blocks.
    pub fn heal(&mut self, port: u16) {
        let leaders = match self {
            Self::Single(server) => return server.restart(),
            Self::Sentinels(_) => 1,
            Self::Cluster(_) => 3,
        };
        self.all().find(|server| server.port() == port).expect("it is one of these").restart();
        self.wait(|all| {
            let states: Vec<_> = all.into_iter().map(|server| (leads(server), follows(server))).collect();
            let leading = states.iter().filter(|(leads, _)| *leads).count();
            leading == leaders && states.iter().all(|(leads, follows)| leads != follows)
        });
        if matches!(self, Self::Cluster(_)) {
            let is_whole = |server: &mut RedisChild| {
                let info: String = redis::cmd("CLUSTER").arg("INFO").query(&mut server.raw()).unwrap_or_default();
                info.contains("cluster_state:ok")
            };
            self.wait(|mut all| all.all(is_whole));
        }
    }

    fn wait(&mut self, is_well: impl Fn(std::slice::IterMut<'_, RedisChild>) -> bool) {
        let began = Instant::now();
        while !is_well(self.all()) {
            assert!(began.elapsed() < PATIENCE, "Redis does not heal");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How many intents are open for longer than an exchange without faults takes. With `turn`, the time that it takes
    /// until they are settled is over, and so are the leases of whoever is gone. Blocks.
    pub fn open_intents(&mut self, turn: bool) -> usize {
        let mut open = 0;
        for mut raw in self.leaders() {
            let (seconds, _): (u64, u64) = redis::cmd("TIME").query(&mut raw).unwrap();
            for name in names(&mut raw, "orgpass:intent:*") {
                let Some(text) = redis::cmd("GET").arg(&name).query::<Option<String>>(&mut raw).unwrap() else {
                    continue;
                };
                let mut intent: serde_json::Value = serde_json::from_str(&text).unwrap();
                let at = intent["at"].as_u64().unwrap();
                if at + UNDER_WAY > seconds * 1000 {
                    continue;
                }
                open += 1;
                if turn {
                    intent["at"] = (at - LEASE).into();
                    redis::cmd("SET").arg(&name).arg(intent.to_string()).arg("XX").exec(&mut raw).unwrap();
                }
            }
            for name in names(&mut raw, "orgpass:lease:*").iter().filter(|_| turn) {
                let left: i64 = redis::cmd("PTTL").arg(name).query(&mut raw).unwrap();
                if left + i64::try_from(UNDER_WAY).unwrap() < i64::try_from(LEASE).unwrap() {
                    redis::cmd("DEL").arg(name).exec(&mut raw).unwrap();
                }
            }
        }
        open
    }

    /// All that it holds, raw. Blocks.
    pub fn dump(&mut self) -> Vec<u8> {
        self.leaders().iter_mut().flat_map(|raw| everything(raw, 1)).collect()
    }

    /// Connections to those that can be written to.
    fn leaders(&mut self) -> Vec<redis::Connection> {
        self.all().filter_map(|server| (server.is_running() && leads(server)).then(|| server.raw())).collect()
    }

    fn all(&mut self) -> std::slice::IterMut<'_, RedisChild> {
        match self {
            Self::Single(server) => std::slice::from_mut(server),
            Self::Sentinels(group) => group.servers(),
            Self::Cluster(cluster) => cluster.nodes_mut(),
        }
        .iter_mut()
    }
}

fn leads(server: &RedisChild) -> bool {
    replication(server).contains("role:master")
}

fn follows(server: &RedisChild) -> bool {
    replication(server).contains("master_link_status:up")
}

/// Nothing while it is loading.
fn replication(server: &RedisChild) -> String {
    redis::cmd("INFO").arg("replication").query(&mut server.raw()).unwrap_or_default()
}

fn names(raw: &mut redis::Connection, pattern: &str) -> Vec<String> {
    redis::cmd("KEYS").arg(pattern).query(raw).unwrap()
}

fn options() -> Options {
    let users = ["orgpass", "orgpass-sidecar"].map(|user| format!("user {}", documented_rules(user, PASSWORD)));
    // With rights, or Redis 7.0 could not replay its append-only file.
    let own = ["user default off ~* &* +@all", "appendonly yes"].map(str::to_owned);
    let config = users.into_iter().chain(own).collect();
    Options { config, ..Options::default() }
}
