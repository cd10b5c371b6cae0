//! A real master with replicas, and three Sentinels that watch it, for one test.

use crate::{ADMIN, Options, RedisChild, until};

/// Sentinels, of which two must agree.
const SENTINELS: usize = 3;
/// How the Sentinels call the master.
const NAME: &str = "orgpass-test";

/// A master with replicas, watched by Sentinels.
#[derive(Debug)]
pub struct SentinelGroup {
    servers: Vec<RedisChild>,
    sentinels: Vec<RedisChild>,
}

impl SentinelGroup {
    /// Starts it, and waits until the replicas follow and every Sentinel knows them and the others. With a password the
    /// Sentinels ask their clients for it.
    pub fn start(replicas: usize, options: &Options, sentinel_password: Option<&str>) -> Self {
        let master = RedisChild::start_with(options.clone());
        let mut servers = vec![master];
        for _ in 0..replicas {
            let mut options = options.clone();
            options.config.push(format!("replicaof 127.0.0.1 {}", servers[0].port()));
            servers.push(RedisChild::start_with(options));
        }
        let mut config = vec![
            format!("sentinel monitor {NAME} 127.0.0.1 {} 2", servers[0].port()),
            // By a user of the test's own, whatever users the servers have.
            format!("sentinel auth-user {NAME} {ADMIN}"),
            format!("sentinel auth-pass {NAME} any"),
            format!("sentinel down-after-milliseconds {NAME} 1500"),
            format!("sentinel failover-timeout {NAME} 4000"),
        ];
        if let Some(password) = sentinel_password {
            config.push(format!("requirepass {password}"));
            config.push(format!("sentinel sentinel-pass {password}"));
        }
        let options = Options { config, ..Options::default() };
        let sentinels = (0..SENTINELS).map(|_| RedisChild::start_at(options.clone(), None, &["--sentinel"], None));
        let group = Self { servers, sentinels: sentinels.collect() };
        for replica in &group.servers[1..] {
            until("a replica follows", || replica.info("replication").contains("master_link_status:up"));
        }
        for sentinel in &group.sentinels {
            let knows = format!("slaves={replicas},sentinels={SENTINELS}");
            until("a Sentinel knows the others", || sentinel.info("sentinel").contains(&knows));
        }
        group
    }

    /// The URL of the Sentinels, without user and password.
    pub fn url(&self) -> String {
        self.url_of("")
    }

    /// The URL with the name of a user of the servers, without password.
    pub fn url_of(&self, user: &str) -> String {
        let at = if user.is_empty() { "" } else { "@" };
        let hosts: Vec<_> = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
        format!("redis-sentinel://{user}{at}{}/{NAME}", hosts.join(","))
    }

    /// The server that is the master now, as the Sentinels tell.
    pub fn master(&mut self) -> &mut RedisChild {
        let mut running =
            self.sentinels.iter_mut().filter_map(|sentinel| sentinel.is_running().then(|| sentinel.raw()));
        let mut sentinel = running.next().expect("one runs");
        drop(running);
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("get-master-addr-by-name").arg(NAME);
        let (_, port): (String, u16) = ask.query(&mut sentinel).expect("it tells");
        self.servers.iter_mut().find(|server| server.port() == port).expect("it is one of these")
    }

    /// Every Sentinel.
    pub fn sentinels(&mut self) -> &mut [RedisChild] {
        &mut self.sentinels
    }

    /// Every server, the one that began as master first.
    pub fn servers(&mut self) -> &mut [RedisChild] {
        &mut self.servers
    }
}
