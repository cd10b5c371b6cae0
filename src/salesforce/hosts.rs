//! Which hosts a token may be sent to. A host that is not Salesforce's own, or not named by the operator, never becomes
//! an [`InstanceUrl`] or a [`LoginUrl`]; every outgoing connection for a connection's token starts from one of
//! the two, or from the Pub/Sub API's own [`PubSubUrl`].

mod host_list;
mod mutual_tls;
mod pasted;
mod pubsub_url;
mod special_addresses;
mod target_url;
#[cfg(test)]
mod tests;
mod url_parts;
mod web_url;

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

pub use host_list::{HostList, ListedHost};
pub use pubsub_url::PubSubUrl;
pub use special_addresses::is_special_address;
pub use target_url::{Environment, TargetHosts, TargetUrl};
use url_parts::UrlParts;
pub use web_url::WebUrl;

/// Hosts of org APIs, each as the suffix after a non-empty name (Salesforce's help page on domain names and its own CLI's list).
const ORG_SUFFIXES: [&str; 6] = [
    ".my.salesforce.com",
    ".my.salesforce.mil",
    ".my.sfcrmproducts.cn",
    ".my-salesforce.com",
    ".cloudforce.com",
    ".database.com",
];

/// Hosts that only log in and serve no API.
const LOGIN_HOSTS: [&str; 2] = ["login.salesforce.com", "test.salesforce.com"];

/// Scheme, host and port that were checked when they were parsed. The host is lower-case and has no trailing dot.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    host: Box<str>,
    port: u16,
    authority: Box<str>,
}

/// An org's API host: where the connection's token goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstanceUrl(Origin);

/// A host whose token endpoint is asked: an org's own, or Salesforce's generic login hosts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoginUrl(Origin);

/// One host of `salesforce.trusted_hosts`, without scheme or port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedHost(Box<str>);

/// Hosts that the operator trusts beyond Salesforce's own. They may use any port, and if they are loopback also plain
/// http and an address in place of a name.
#[derive(Clone, Debug, Default)]
pub struct TrustedHosts(Vec<TrustedHost>);

/// Why a URL is not one that a token may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// No `https://` in front, or another scheme.
    #[error("must start with https://")]
    Scheme,
    /// Plain http to a host that is not both loopback and trusted.
    #[error("must be https; plain http is only for loopback hosts in salesforce.trusted_hosts")]
    PlainHttp,
    /// `user:password@` in front of the host.
    #[error("must not contain a user or password")]
    UserInfo,
    /// Something after the host.
    #[error("must end after the host: no path, query or fragment")]
    Path,
    /// A port other than 443 of a host that is not trusted.
    #[error("must use the default port; other ports are only for hosts in salesforce.trusted_hosts")]
    Port,
    /// Not a host name.
    #[error("does not have a valid host name (letters, digits, - and ., no trailing dot, no international characters)")]
    Name,
    /// An address where a name is needed.
    #[error("must name a host, not an address; an address must be loopback and in salesforce.trusted_hosts")]
    Address,
    /// A host of Salesforce that only logs in or serves pages, or an internal one.
    #[error("is a host of Salesforce that serves no API; use the org's My Domain host, like acme.my.salesforce.com")]
    NoApi,
    /// Not a host of Salesforce.
    #[error("is not a host of Salesforce; if it is right, add it to salesforce.trusted_hosts")]
    NotSalesforce,
}

impl InstanceUrl {
    /// Parses an `instance_url`; a trailing slash is allowed.
    pub fn parse(text: &str, trusted: &TrustedHosts) -> Result<Self, HostError> {
        Origin::parse(text, trusted, |host| match host {
            _ if is_org_host(host) => Ok(()),
            _ if LOGIN_HOSTS.contains(&host) => Err(HostError::NoApi),
            _ => Err(HostError::NotSalesforce),
        })
        .map(Self)
    }
}

impl LoginUrl {
    /// Parses a login URL; a trailing slash is allowed.
    pub fn parse(text: &str, trusted: &TrustedHosts) -> Result<Self, HostError> {
        Origin::parse(text, trusted, |host| {
            let logs_in = is_org_host(host) || LOGIN_HOSTS.contains(&host);
            logs_in.then_some(()).ok_or(HostError::NotSalesforce)
        })
        .map(Self)
    }
}

impl LoginUrl {
    /// Whether it is one of the hosts that log in users of every org.
    pub fn is_shared(&self) -> bool {
        LOGIN_HOSTS.contains(&self.0.host())
    }

    /// Whom assertions sent to it are addressed to: `test.salesforce.com` for sandboxes and scratch orgs, as far as
    /// their hosts tell, else `login.salesforce.com`.
    pub fn audience(&self) -> &'static str {
        if is_test_host(self.0.host()) { "https://test.salesforce.com" } else { "https://login.salesforce.com" }
    }
}

/// An org's own host always serves its token endpoint too.
impl From<InstanceUrl> for LoginUrl {
    fn from(instance: InstanceUrl) -> Self {
        Self(instance.0)
    }
}

impl Deref for InstanceUrl {
    type Target = Origin;
    fn deref(&self) -> &Origin {
        &self.0
    }
}

impl Deref for LoginUrl {
    type Target = Origin;
    fn deref(&self) -> &Origin {
        &self.0
    }
}

impl Origin {
    /// `https`, or `http` for a trusted loopback host.
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Whether the connection must be TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host name in lower case; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, given or by default.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and, unless it is the scheme's default, port, as in a `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether it is this machine itself.
    pub fn is_loopback(&self) -> bool {
        url_parts::is_loopback(&self.host)
    }

    fn parse(
        text: &str,
        trusted: &TrustedHosts,
        check: impl Fn(&str) -> Result<(), HostError>,
    ) -> Result<Self, HostError> {
        Self::parse_with_port(text, trusted, None, check)
    }

    /// With one port more than the default that hosts may use which are not trusted.
    fn parse_with_port(
        text: &str,
        trusted: &TrustedHosts,
        also: Option<u16>,
        check: impl Fn(&str) -> Result<(), HostError>,
    ) -> Result<Self, HostError> {
        let parts = UrlParts::parse(text)?;
        let trusts = trusted.contains(&parts.host);
        let trusts_loopback = trusts && parts.is_loopback();
        if !parts.https && !trusts_loopback {
            return Err(HostError::PlainHttp);
        }
        if parts.is_address && !trusts_loopback {
            return Err(HostError::Address);
        }
        if !trusts {
            if parts.port != parts.default_port() && Some(parts.port) != also {
                return Err(HostError::Port);
            }
            if serves_no_api(&parts.host) {
                return Err(HostError::NoApi);
            }
            check(&parts.host)?;
        }
        Ok(parts.into())
    }

    /// Any host at any port, in the clear too: for a server of the operator's own, to which no token ever goes.
    pub fn of_any_host(text: &str) -> Result<Self, HostError> {
        UrlParts::parse(text).map(Self::from)
    }
}

impl From<UrlParts> for Origin {
    fn from(parts: UrlParts) -> Self {
        let authority = parts.authority().into();
        Self { https: parts.https, port: parts.port, authority, host: parts.host.into() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for InstanceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for LoginUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl TrustedHosts {
    /// Trusts these hosts.
    pub fn new(hosts: Vec<TrustedHost>) -> Self {
        Self(hosts)
    }

    /// Whether this host is trusted.
    pub fn contains(&self, host: &str) -> bool {
        self.0.iter().any(|trusted| *trusted.0 == *host)
    }
}

impl FromStr for TrustedHost {
    type Err = HostError;

    /// Reads a host name or address, such as `127.0.0.1`, `::1` or `salesforce.internal`.
    fn from_str(text: &str) -> Result<Self, HostError> {
        url_parts::parse_host(text).map(|(host, _)| Self(host.into()))
    }
}

fn is_org_host(host: &str) -> bool {
    has_suffix(host, &ORG_SUFFIXES) || is_legacy_instance(host)
}

/// `na1.salesforce.com`, `cs12.salesforce.com`: orgs without an enhanced domain.
fn is_legacy_instance(host: &str) -> bool {
    let Some(name) = host.strip_suffix(".salesforce.com") else { return false };
    let name = name.strip_suffix('s').filter(|rest| rest.ends_with(|c: char| c.is_ascii_digit())).unwrap_or(name);
    let letters = name.bytes().take_while(u8::is_ascii_lowercase).count();
    let digits = &name.as_bytes()[letters..];
    (2..=4).contains(&letters) && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// `test.salesforce.com` itself; `acme--uat.sandbox.my...`, `site-1234-dev-ed.scratch.my...`; and without an enhanced
/// domain `acme--uat.cs12.my...` and `cs12.salesforce.com`.
fn is_test_host(host: &str) -> bool {
    let mut labels = host.split('.');
    let (name, partition) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
    let is_org = has_suffix(host, &ORG_SUFFIXES);
    host == "test.salesforce.com"
        || (is_org && (["sandbox", "scratch"].contains(&partition) || name.contains("--")))
        || (is_legacy_instance(host) && name.starts_with("cs"))
}

/// Hosts that must not get a token although they belong to Salesforce: pages, and its internal test hosts.
fn serves_no_api(host: &str) -> bool {
    const PAGES_AND_INTERNAL: [&str; 14] = [
        ".lightning.force.com",
        ".lightning.salesforce.com",
        ".lightning.crmforce.mil",
        ".lightning.sfcrmapps.cn",
        ".visualforce.com",
        ".documentforce.com",
        ".content.force.com",
        ".salesforce-setup.com",
        ".salesforceliveagent.com",
        ".vpod.salesforce.com",
        ".stm.salesforce.com",
        ".blitz.salesforce.com",
        ".sfdcdev.salesforce.com",
        ".internal.salesforce.com",
    ];
    let is_internal_instance = host.starts_with("gs") && is_legacy_instance(host);
    is_internal_instance || has_suffix(host, &PAGES_AND_INTERNAL)
}

fn has_suffix(host: &str, suffixes: &[&str]) -> bool {
    suffixes.iter().any(|suffix| host.ends_with(suffix))
}
