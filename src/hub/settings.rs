//! Section `[hub]`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

use super::{ApiTokens, Webhook};
use crate::management::LinkSettings;
use crate::management::links::ReturnTo;
use crate::salesforce::hosts::TrustedHosts;
use crate::settings::Section;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Settings of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where pages and API are served; in a pod `0.0.0.0:8182`.
    pub listen: SocketAddr,
    /// What browsers know the hub by; by default the address that it listens on, if that is loopback.
    pub public_url: Option<PublicUrl>,
    /// The tokens of the API's users; without it nobody may use the API.
    pub api_tokens_file: Option<PathBuf>,
    /// Where links may lead back to.
    pub return_to: Vec<ReturnTo>,
    /// For how long a link is good, unless it says otherwise.
    pub link_life: Duration,
    /// Whether a tenant must be connected before its users are.
    pub users_need_installation: bool,
    /// Who is told of changes.
    pub webhooks: Vec<Webhook>,
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
        let host = uri.host().unwrap_or_default();
        let is_loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        if uri.scheme_str() == Some("http") && !is_loopback {
            return Err("must be https: links and Salesforce's codes travel there; plain http is for localhost only");
        }
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
            listen: SocketAddr::from(([127, 0, 0, 1], 8182)),
            public_url: None,
            api_tokens_file: None,
            return_to: Vec::new(),
            link_life: Duration::from_secs(15 * 60),
            users_need_installation: false,
            webhooks: Vec::new(),
            check_every: DAY / 4,
            keep_alive_after: 20 * DAY,
            checks_per_second: 20,
        }
    }
}

impl Settings {
    /// Takes the keys of `[hub]`.
    pub fn read(mut section: Section<'_>, trusted: &TrustedHosts) -> Self {
        let default = Self::default();
        let webhooks = section.take_table("webhooks").unwrap_or_default();
        let webhooks = Webhook::read_all(section.sub("webhooks", webhooks), trusted);
        let shortest = Duration::from_millis(100);
        let api_tokens_file = section.file("api_tokens_file");
        if let Some(Err(error)) = api_tokens_file.as_deref().map(ApiTokens::open) {
            section.fault("api_tokens_file", error);
        }
        let checks_per_second = section.integer_or("checks_per_second", default.checks_per_second.into(), 1..=1000);
        let settings = Self {
            listen: section.parsed_or("listen", default.listen),
            public_url: section.parsed("public_url"),
            api_tokens_file,
            return_to: section.list("return_to"),
            link_life: section.duration_or("link_life", default.link_life, Duration::from_secs(1)..=7 * DAY),
            users_need_installation: section.flag_or("users_need_installation", false),
            webhooks,
            check_every: section.duration_or("check_every", default.check_every, shortest..=7 * DAY),
            keep_alive_after: section.duration_or("keep_alive_after", default.keep_alive_after, shortest..=29 * DAY),
            checks_per_second: u32::try_from(checks_per_second).expect("at most a thousand"),
        };
        section.finish();
        settings
    }

    /// How links are made, by a hub that listens at `bound`. Without a public URL, links lead to where it listens.
    pub fn links(&self, bound: SocketAddr) -> LinkSettings {
        let ip = if bound.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { bound.ip() };
        let own = || format!("http://{}", SocketAddr::new(ip, bound.port()));
        LinkSettings {
            public_url: self.public_url.as_ref().map_or_else(own, |url| url.0.clone()),
            return_to: self.return_to.clone(),
            life: self.link_life,
            users_need_installation: self.users_need_installation,
        }
    }
}
