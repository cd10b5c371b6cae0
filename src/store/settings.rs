//! Section `[store]`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::redis_url::{RedisUrl, RedisUrlError};
use crate::settings::Section;

/// Where connections are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// An embedded file; the path is still relative to the configuration file.
    File(PathBuf),
    /// Redis.
    Redis(RedisUrl),
}

impl FromStr for StoreUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("file:") {
            Some(path) => Ok(Self::File(path.into())),
            None => text.parse().map(Self::Redis),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Redis(url) => url.fmt(f),
        }
    }
}

/// Settings of the store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where connections are kept.
    pub url: StoreUrl,
    /// File with the password of the Redis user named in the URL.
    pub password_file: Option<PathBuf>,
    /// File with the password of the Sentinels, if they want one.
    pub sentinel_password_file: Option<PathBuf>,
    /// The roots that TLS trusts in place of the public ones.
    pub ca_file: Option<PathBuf>,
    /// The certificate that is shown to Redis, and the key that it needs.
    pub client_cert_file: Option<PathBuf>,
    /// The key of the certificate.
    pub client_key_file: Option<PathBuf>,
    /// Longest wait for one answer of Redis.
    pub timeout: Duration,
    /// Replicas that must have an intent or an outcome before it counts.
    pub replicas: u64,
}

impl Settings {
    /// Takes the keys of `[store]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let default = StoreUrl::File(section.base().join("orgpass.redb"));
        let url = match section.parsed("url") {
            None => default,
            Some(StoreUrl::File(path)) => StoreUrl::File(section.base().join(path)),
            Some(redis) => redis,
        };
        let password_file = section.file("password_file");
        if matches!(&url, StoreUrl::Redis(url) if url.names_user()) && password_file.is_none() {
            // Redis knows a user by its password only: without one, the client would be the default user.
            section.fault("password_file", "is missing; it holds the password of the user that store.url names");
        }
        let (client_cert_file, client_key_file) = (section.file("client_cert_file"), section.file("client_key_file"));
        match (&client_cert_file, &client_key_file) {
            (Some(_), None) => section.fault("client_key_file", "is missing; it holds the key of the certificate"),
            (None, Some(_)) => section.fault("client_cert_file", "is missing; it holds the certificate of the key"),
            _ => {}
        }
        let settings = Self {
            url,
            password_file,
            sentinel_password_file: section.file("sentinel_password_file"),
            ca_file: section.file("ca_file"),
            client_cert_file,
            client_key_file,
            timeout: section.duration_or(
                "timeout",
                Duration::from_secs(2),
                Duration::from_millis(50)..=Duration::from_secs(30),
            ),
            replicas: section.integer_or("replicas", 0, 0..=10),
        };
        section.finish();
        settings
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_needs_another_key_says_so() {
        for (text, wanted) in [
            ("url = \"redis://127.0.0.1:6379\"", None),
            ("url = \"redis://orgpass@127.0.0.1:6379\"\npassword_file = \"password\"", None),
            ("url = \"redis://orgpass@127.0.0.1:6379\"", Some("store.password_file")),
            ("url = \"rediss://orgpass@127.0.0.1:6379\"", Some("store.password_file")),
            ("url = \"redis-cluster://orgpass@a,b\"", Some("store.password_file")),
            ("client_cert_file = \"cert.pem\"", Some("store.client_key_file")),
            ("client_key_file = \"key.pem\"", Some("store.client_cert_file")),
            ("client_cert_file = \"cert.pem\"\nclient_key_file = \"key.pem\"", None),
        ] {
            let mut faults = Vec::new();
            Settings::read(Section::new("store", text.parse().unwrap(), Path::new("/etc"), &mut faults));
            assert_eq!(faults.first().map(|fault| fault.key.as_str()), wanted, "{text}");
        }
    }
}
