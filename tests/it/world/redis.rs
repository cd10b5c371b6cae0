//! A world's Redis: a real server, the settings that lead to it, and everything that it holds, raw.

use std::path::Path;

use redis_child::{Options, RedisChild};

/// Of the user whose rights are the documented ones.
pub const PASSWORD: &str = "correct-horse-battery";

/// Values that are read at once from one server.
const MANY: usize = 1000;

/// A Redis server for one world.
pub struct Redis {
    pub child: RedisChild,
    user: Option<String>,
}

impl Redis {
    /// A server over TCP in the clear that keeps what it is told, also when it is killed.
    pub fn plain() -> Self {
        Self { child: RedisChild::start_with(Options { config: lasting(), ..Options::default() }), user: None }
    }

    /// A server that speaks TLS.
    pub fn tls() -> Self {
        Self {
            child: RedisChild::start_with(Options { tls: true, config: lasting(), ..Options::default() }),
            user: None,
        }
    }

    /// A server that lets in one user only, with exactly the rights that the store's documentation lists.
    pub fn with_documented_user() -> Self {
        let mut config = lasting();
        config.push(format!("user {}", documented_rules("orgpass", PASSWORD)));
        // With rights, or Redis 7.0 could not replay its append-only file.
        config.push("user default off ~* &* +@all".to_owned());
        Self {
            child: RedisChild::start_with(Options { config, ..Options::default() }),
            user: Some("orgpass".to_owned()),
        }
    }

    /// The section `[store]` that leads here. Files that it names are written into `dir`.
    pub fn settings(&self, dir: &Path) -> String {
        let mut lines = vec!["[store]".to_owned()];
        match &self.user {
            Some(user) => {
                std::fs::write(dir.join("redis-password"), PASSWORD).unwrap();
                lines.push(format!("url = \"{}\"\npassword_file = \"redis-password\"", self.child.url_of(user)));
            }
            None => lines.push(format!("url = \"{}\"", self.child.url())),
        }
        if let Some(pem) = self.child.ca_pem() {
            std::fs::write(dir.join("redis-ca.pem"), pem).unwrap();
            lines.push("ca_file = \"redis-ca.pem\"".to_owned());
        }
        lines.join("\n")
    }

    /// A raw value.
    pub fn get(&self, key: &str) -> Vec<u8> {
        redis::cmd("GET").arg(key).query::<Option<Vec<u8>>>(&mut self.child.raw()).unwrap().expect("the key is there")
    }

    /// All keys and values, raw, one after the other.
    pub fn dump(&self) -> Vec<u8> {
        everything(&mut self.child.raw(), MANY)
    }
}

/// All keys and values of the server at this URL, raw.
pub fn everything_at(url: &str) -> Vec<u8> {
    everything(&mut redis::Client::open(url).unwrap().get_connection().unwrap(), MANY)
}

/// All keys and values of the server that this connection leads to, raw; so many are read at once. Of a node of a
/// Cluster they can only be read one by one.
pub fn everything(raw: &mut redis::Connection, at_once: usize) -> Vec<u8> {
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(raw).unwrap();
    let mut all = Vec::new();
    for keys in keys.chunks(at_once) {
        // Nothing for what is no string.
        let values: Vec<Option<Vec<u8>>> = redis::cmd("MGET").arg(keys).query(raw).unwrap();
        for (key, value) in keys.iter().zip(values) {
            let values = value.map_or_else(|| others(raw, key), |value| vec![value]);
            for part in std::iter::once(key).chain(&values) {
                all.extend_from_slice(part);
                all.push(b'\n');
            }
        }
    }
    all
}

/// The values of a key that holds no string.
fn others(raw: &mut redis::Connection, key: &[u8]) -> Vec<Vec<u8>> {
    match redis::cmd("TYPE").arg(key).query::<String>(raw).unwrap().as_str() {
        // A lease may end between two looks.
        "none" => Vec::new(),
        "zset" => redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).query(raw).unwrap(),
        "stream" => entries(redis::cmd("XRANGE").arg(key).arg("-").arg("+").query(raw).unwrap()),
        other => panic!("this search knows no {other}"),
    }
}

/// The bytes of a stream's entries.
fn entries(stream: redis::Value) -> Vec<Vec<u8>> {
    match stream {
        redis::Value::Array(values) => values.into_iter().flat_map(entries).collect(),
        redis::Value::BulkString(bytes) => vec![bytes],
        _ => Vec::new(),
    }
}

/// A kill must lose nothing, or the test would be about the loss.
fn lasting() -> Vec<String> {
    vec!["appendonly yes".to_owned(), "appendfsync always".to_owned()]
}

/// The rules of a user, as the store's documentation lists them, with its name first.
pub fn documented_rules(user: &str, password: &str) -> String {
    let source = include_str!("../../../src/store/redis.rs");
    let (_, rules) = source.split_once(&format!("ACL SETUSER {user} ")).expect("the rules are documented");
    let (rules, _) = rules.split_once("```").expect("the rules end");
    let rules = rules.replace("//!", " ").replace("PASSWORD", password);
    let words = std::iter::once(user).chain(rules.split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}
