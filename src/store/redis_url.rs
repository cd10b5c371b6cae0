//! Where Redis is: one server, a group watched by Sentinels, or a Cluster, as one URL.

use std::fmt;
use std::str::FromStr;

/// The port of a Sentinel that is given without one.
const SENTINEL_PORT: u16 = 26379;
/// The most servers that a URL may name.
const MAX_SERVERS: usize = 64;

/// A parsed URL of Redis. It has no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisUrl {
    text: String,
    /// How the servers belong together.
    pub(super) group: Group,
    /// Each server as a `redis://` or `rediss://` URL of its own, with the user.
    pub(super) servers: Vec<String>,
    names_user: bool,
}

/// How servers belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// One server, or what looks like one.
    One,
    /// Sentinels, which know the master of this name.
    Sentinel(String),
    /// Some nodes of a Cluster, which know the others.
    Cluster,
}

/// Why a URL of Redis is refused.
#[derive(Debug, thiserror::Error)]
pub enum RedisUrlError {
    /// The scheme is none of Redis.
    #[error("must begin with file:, redis://, redis-sentinel:// or redis-cluster://, or with rediss in place of redis")]
    Scheme,
    /// A password in the URL would stand in the configuration in the clear.
    #[error("must not contain a password; put it into a file and name that in store.password_file")]
    Password,
    /// Not servers.
    #[error("must name servers as HOST:PORT, with commas between them if there are several")]
    Servers,
    /// One server was to be named.
    #[error("must name one server; several are named with redis-sentinel:// or redis-cluster://")]
    Several,
    /// What stands behind the servers.
    #[error("must end with {0}")]
    End(&'static str),
}

impl RedisUrl {
    /// Whether it names a user.
    pub(super) fn names_user(&self) -> bool {
        self.names_user
    }

    /// The text that was parsed.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(RedisUrlError::Scheme)?;
        let (rest, end) = match rest.split_once('/') {
            Some((rest, end)) => (rest, end),
            None => (rest, ""),
        };
        let (plain, group, port) = match scheme {
            "redis" | "rediss" => (scheme, Group::One, None),
            "redis-sentinel" => ("redis", Group::Sentinel(end.to_owned()), Some(SENTINEL_PORT)),
            "rediss-sentinel" => ("rediss", Group::Sentinel(end.to_owned()), Some(SENTINEL_PORT)),
            "redis-cluster" => ("redis", Group::Cluster, None),
            "rediss-cluster" => ("rediss", Group::Cluster, None),
            _ => return Err(RedisUrlError::Scheme),
        };
        let database = match &group {
            Group::One if end.is_empty() || end.parse::<u16>().is_ok() => end,
            Group::One => return Err(RedisUrlError::End("the server, or / and the number of a database")),
            Group::Sentinel(name) if !is_name(name) => {
                return Err(RedisUrlError::End("/ and the name by which the Sentinels know the master"));
            }
            Group::Cluster if !end.is_empty() => {
                return Err(RedisUrlError::End("the nodes; a Cluster has one database"));
            }
            Group::Sentinel(_) | Group::Cluster => "",
        };
        let (user, hosts) = rest.rsplit_once('@').unwrap_or(("", rest));
        if user.contains(':') {
            return Err(RedisUrlError::Password);
        }
        let hosts: Vec<&str> = hosts.split(',').collect();
        if user.contains(',') {
            return Err(RedisUrlError::Servers);
        }
        if group == Group::One && hosts.len() > 1 {
            return Err(RedisUrlError::Several);
        }
        if hosts.len() > MAX_SERVERS {
            return Err(RedisUrlError::Servers);
        }
        let server = |host: &&str| server(plain, user, host, port, database);
        let servers = hosts.iter().map(server).collect::<Option<_>>().ok_or(RedisUrlError::Servers)?;
        Ok(Self { text: text.to_owned(), group, servers, names_user: !user.is_empty() })
    }
}

fn server(scheme: &str, user: &str, host: &str, port: Option<u16>, database: &str) -> Option<String> {
    let at = if user.is_empty() { "" } else { "@" };
    let url = url::Url::parse(&format!("{scheme}://{user}{at}{host}")).ok()?;
    let is_bare = url.path().is_empty() && url.query().is_none() && url.fragment().is_none();
    if !is_bare || url.host_str().is_none_or(str::is_empty) || url.username() != user {
        return None;
    }
    let port = match (url.port(), port) {
        (None, Some(port)) => format!(":{port}"),
        _ => String::new(),
    };
    let end = if database.is_empty() { "" } else { "/" };
    Some(format!("{scheme}://{user}{at}{host}{port}{end}{database}"))
}

fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=128).contains(&name.len()) && name.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_names_its_servers() {
        let sentinel = || Group::Sentinel("orgpass-1".to_owned());
        for (text, group, servers) in [
            ("redis://127.0.0.1:6379", Group::One, &["redis://127.0.0.1:6379"][..]),
            ("rediss://orgpass@redis.example.com/2", Group::One, &["rediss://orgpass@redis.example.com/2"]),
            ("redis://[::1]:7000", Group::One, &["redis://[::1]:7000"]),
            ("redis-sentinel://a,b:1/orgpass-1", sentinel(), &["redis://a:26379", "redis://b:1"]),
            ("rediss-sentinel://u%40x@[::1]/orgpass-1", sentinel(), &["rediss://u%40x@[::1]:26379"]),
            ("redis-cluster://a:1,b:2", Group::Cluster, &["redis://a:1", "redis://b:2"]),
            ("rediss-cluster://orgpass@a", Group::Cluster, &["rediss://orgpass@a"]),
        ] {
            let url: RedisUrl = text.parse().unwrap();
            assert_eq!(
                (&url.group, &url.servers[..], url.to_string()),
                (&group, &servers.map_to_owned()[..], text.into())
            );
            assert_eq!(url.names_user(), text.contains('@'), "{text}");
        }
    }

    trait MapToOwned {
        fn map_to_owned(&self) -> Vec<String>;
    }

    impl MapToOwned for &[&str] {
        fn map_to_owned(&self) -> Vec<String> {
            self.iter().map(|text| (*text).to_owned()).collect()
        }
    }

    #[test]
    fn what_is_no_url_of_redis_is_refused_with_what_it_must_be() {
        for (text, wanted) in [
            ("127.0.0.1:6379", "begin"),
            ("http://127.0.0.1", "begin"),
            ("redis+sentinel://a/m", "begin"),
            ("redis://u:hunter2@a", "password"),
            ("redis://:hunter2@a", "password"),
            ("redis-cluster://u:hunter2@a,b", "password"),
            ("redis://", "HOST:PORT"),
            ("redis://a:99999", "HOST:PORT"),
            ("redis://a?protocol=resp2", "HOST:PORT"),
            ("rediss://a#insecure", "HOST:PORT"),
            ("redis-cluster://a,,b", "HOST:PORT"),
            ("redis-cluster://a,u@b", "HOST:PORT"),
            ("redis://a,b", "one server"),
            ("redis://a/x", "number"),
            ("rediss://a/#insecure", "number"),
            ("redis-sentinel://a", "the master"),
            ("redis-sentinel://a/m/1", "the master"),
            ("redis-cluster://a/1", "one database"),
        ] {
            let error = text.parse::<RedisUrl>().expect_err(text).to_string();
            assert!(error.contains(wanted) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
