//! Section `[store]`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::settings::Section;

/// Where connections are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// An embedded file; the path is still relative to the configuration file.
    File(PathBuf),
    /// Redis, as a `redis://` or `rediss://` URL without a password.
    Redis(String),
}

/// Why a store URL is refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreUrlError {
    /// The scheme is none that this program knows.
    #[error("must begin with file:, redis:// or rediss://")]
    Scheme,
    /// A password in the URL would stand in the configuration in the clear.
    #[error("must not contain a password; put it into a file and name that in store.password_file")]
    Password,
    /// Not a URL.
    #[error("is not a valid URL: {0}")]
    Url(#[from] url::ParseError),
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(Self::File(path.into()));
        }
        if !text.starts_with("redis://") && !text.starts_with("rediss://") {
            return Err(StoreUrlError::Scheme);
        }
        if url::Url::parse(text)?.password().is_some() {
            return Err(StoreUrlError::Password);
        }
        Ok(Self::Redis(text.to_owned()))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Redis(url) => f.write_str(url),
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
    /// The roots that `rediss://` trusts in place of the public ones.
    pub ca_file: Option<PathBuf>,
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
        if matches!(&url, StoreUrl::Redis(url) if names_a_user(url)) && password_file.is_none() {
            // Redis knows a user by its password only: without one, the client would be the default user.
            section.fault("password_file", "is missing; it holds the password of the user that store.url names");
        }
        let settings = Self {
            url,
            password_file,
            ca_file: section.file("ca_file"),
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

fn names_a_user(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| !url.username().is_empty())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_redis_user_needs_its_password_lest_the_default_user_connects() {
        for (text, wanted) in [
            ("url = \"redis://127.0.0.1:6379\"", None),
            ("url = \"redis://orgpass@127.0.0.1:6379\"\npassword_file = \"password\"", None),
            ("url = \"redis://orgpass@127.0.0.1:6379\"", Some("store.password_file")),
            ("url = \"rediss://orgpass@127.0.0.1:6379\"", Some("store.password_file")),
        ] {
            let mut faults = Vec::new();
            Settings::read(Section::new("store", text.parse().unwrap(), Path::new("/etc"), &mut faults));
            assert_eq!(faults.first().map(|fault| fault.key.as_str()), wanted, "{text}");
        }
    }
}
