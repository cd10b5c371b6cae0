//! Section `[hub]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

use crate::settings::Section;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Settings of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where pages and API are to be served; nothing listens there in this version.
    pub listen: Option<SocketAddr>,
    /// What browsers are to be told as the hub's address; not used in this version.
    pub public_url: Option<PublicUrl>,
    /// The tokens of the API's users; not used in this version.
    pub api_tokens_file: Option<PathBuf>,
    /// How often each connection is looked at.
    pub check_every: Duration,
    /// The age of a refresh token from which a look renews it, well before Salesforce's limit of 30 days without use.
    pub keep_alive_after: Duration,
    /// Most looks in a second.
    pub checks_per_second: u32,
}

/// An address for browsers: scheme and host, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be an address for browsers such as \"https://connect.example.com\", without a path";
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let has_host = uri.authority().is_some_and(|authority| !authority.host().is_empty());
        let is_web = matches!(uri.scheme_str(), Some("https" | "http"));
        if !has_host || !is_web || !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('@') {
            return Err(FORM);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: None,
            public_url: None,
            api_tokens_file: None,
            check_every: DAY / 4,
            keep_alive_after: 20 * DAY,
            checks_per_second: 20,
        }
    }
}

impl Settings {
    /// Takes the keys of `[hub]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let shortest = Duration::from_millis(100);
        let api_tokens_file = section.file("api_tokens_file");
        if let Some(Err(error)) = api_tokens_file.as_ref().map(std::fs::File::open) {
            section.fault("api_tokens_file", format_args!("cannot be read: {error}"));
        }
        let checks_per_second = section.integer_or("checks_per_second", default.checks_per_second.into(), 1..=1000);
        let settings = Self {
            listen: section.parsed("listen"),
            public_url: section.parsed("public_url"),
            api_tokens_file,
            check_every: section.duration_or("check_every", default.check_every, shortest..=7 * DAY),
            keep_alive_after: section.duration_or("keep_alive_after", default.keep_alive_after, shortest..=29 * DAY),
            checks_per_second: u32::try_from(checks_per_second).expect("at most a thousand"),
        };
        section.finish();
        settings
    }

    /// The keys that are set and have no effect in this version.
    pub fn without_effect(&self) -> Vec<&'static str> {
        [
            ("listen", self.listen.is_some()),
            ("public_url", self.public_url.is_some()),
            ("api_tokens_file", self.api_tokens_file.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, is_set)| is_set.then_some(key))
        .collect()
    }
}
