//! Hosts beside an org's own where a connection's token may go: each target has its own short list of them.

use std::fmt;
use std::ops::Deref;

use super::{HostError, InstanceUrl, LOGIN_HOSTS, Origin, TrustedHosts, is_legacy_instance, is_test_host};

/// The tenants of Data Cloud, as the suffix after a non-empty name.
const DATA_CLOUD_SUFFIX: &str = ".c360a.salesforce.com";
/// Account Engagement of production orgs, and of sandboxes and developer business units.
const ACCOUNT_ENGAGEMENT_HOSTS: [&str; 2] = ["pi.pardot.com", "pi.demo.pardot.com"];
/// The platform's API for production orgs, for sandboxes and scratch orgs, and for what is tried out.
const PLATFORM_HOSTS: [&str; 3] = ["api.salesforce.com", "test.api.salesforce.com", "dev.api.salesforce.com"];
/// Where the orgs are whose users may log in at `login.salesforce.com` and `test.salesforce.com`.
const SHARED_LOGIN_SUFFIXES: [&str; 4] =
    [".my.salesforce.com", ".my-salesforce.com", ".cloudforce.com", ".database.com"];

/// A host of a target: where a token goes that is not meant for its org's own host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetUrl(Origin);

/// Which of two hosts serves an org, where one is for sandboxes and scratch orgs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Orgs that people work in.
    Production,
    /// Sandboxes and scratch orgs.
    Test,
}

/// The hosts of targets that the operator names in place of Salesforce's own.
#[derive(Clone, Debug, Default)]
pub struct TargetHosts {
    /// Account Engagement, for every org.
    pub account_engagement: Option<TargetUrl>,
    /// The platform's API, for every org.
    pub platform: Option<TargetUrl>,
}

impl TargetUrl {
    /// Parses the host that an org named for its Data Cloud tenant: a host alone, which is reached as the org itself is, or
    /// with a scheme.
    pub fn data_cloud(named: &str, org: &Origin, trusted: &TrustedHosts) -> Result<Self, HostError> {
        let is_tenant = |host: &str| match host.ends_with(DATA_CLOUD_SUFFIX) {
            true => Ok(()),
            false => Err(HostError::NotSalesforce),
        };
        let url = if named.contains("://") { named.to_owned() } else { format!("{}://{named}", org.scheme()) };
        Origin::parse(&url, trusted, is_tenant).map(Self)
    }

    /// Parses a URL of Account Engagement.
    pub fn account_engagement(text: &str, trusted: &TrustedHosts) -> Result<Self, HostError> {
        Self::one_of(&ACCOUNT_ENGAGEMENT_HOSTS, text, trusted)
    }

    /// Parses a URL of the platform's API.
    pub fn platform(text: &str, trusted: &TrustedHosts) -> Result<Self, HostError> {
        Self::one_of(&PLATFORM_HOSTS, text, trusted)
    }

    /// Account Engagement for orgs of this environment.
    pub fn account_engagement_for(environment: Environment) -> Self {
        Self::of_environment([ACCOUNT_ENGAGEMENT_HOSTS[0], ACCOUNT_ENGAGEMENT_HOSTS[1]], environment)
    }

    /// The platform's API for orgs of this environment.
    pub fn platform_for(environment: Environment) -> Self {
        Self::of_environment([PLATFORM_HOSTS[0], PLATFORM_HOSTS[1]], environment)
    }

    /// The login host that users of this environment's orgs share.
    pub fn login_for(environment: Environment) -> Self {
        Self::of_environment(LOGIN_HOSTS, environment)
    }

    fn of_environment([production, test]: [&str; 2], environment: Environment) -> Self {
        let host = match environment {
            Environment::Production => production,
            Environment::Test => test,
        };
        Self(Origin { https: true, host: host.into(), port: 443, authority: host.into() })
    }

    fn one_of(hosts: &[&str], text: &str, trusted: &TrustedHosts) -> Result<Self, HostError> {
        let is_one = |host: &str| hosts.contains(&host).then_some(()).ok_or(HostError::NotSalesforce);
        Origin::parse(text, trusted, is_one).map(Self)
    }
}

impl Origin {
    /// The environment of the org at this host, as far as its name tells.
    pub fn environment(&self) -> Environment {
        if is_test_host(&self.host) { Environment::Test } else { Environment::Production }
    }

    /// Whether the users of the org at this host may log in at a host that they share with those of other orgs. Others, and
    /// those of hosts that only the operator knows, log in at their own.
    pub fn shares_login_host(&self) -> bool {
        super::has_suffix(&self.host, &SHARED_LOGIN_SUFFIXES) || is_legacy_instance(&self.host)
    }
}

impl InstanceUrl {
    /// The org's host again that a connection was opened to.
    pub fn of_origin(origin: &Origin, trusted: &TrustedHosts) -> Result<Self, HostError> {
        Self::parse(&origin.to_string(), trusted)
    }
}

impl Deref for TargetUrl {
    type Target = Origin;
    fn deref(&self) -> &Origin {
        &self.0
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn org(host: &str) -> InstanceUrl {
        InstanceUrl::parse(&format!("https://{host}"), &TrustedHosts::default()).unwrap()
    }

    fn trusting_loopback() -> TrustedHosts {
        TrustedHosts::new(vec!["127.0.0.1".parse().unwrap()])
    }

    #[test]
    fn a_data_cloud_tenant_is_named_by_a_bare_host_and_is_salesforces_own() {
        let acme = org("acme.my.salesforce.com");
        let named =
            |text: &str| TargetUrl::data_cloud(text, &acme, &TrustedHosts::default()).map(|url| url.to_string());
        for text in
            ["mvst8x.c360a.salesforce.com", "https://mvst8x.c360a.salesforce.com/", "MVST8x.c360a.salesforce.com"]
        {
            assert_eq!(named(text).as_deref(), Ok("https://mvst8x.c360a.salesforce.com"), "{text}");
        }
        for (text, error) in [
            ("evil.example", HostError::NotSalesforce),
            ("c360a.salesforce.com", HostError::NotSalesforce),
            ("evilc360a.salesforce.com", HostError::NotSalesforce),
            ("mvst8x.c360a.salesforce.com.evil.example", HostError::NotSalesforce),
            ("acme.my.salesforce.com", HostError::NotSalesforce),
            ("evil.example/.c360a.salesforce.com", HostError::Path),
            ("x@mvst8x.c360a.salesforce.com", HostError::UserInfo),
            ("mvst8x.c360a.salesforce.com:8443", HostError::Port),
            ("http://mvst8x.c360a.salesforce.com", HostError::PlainHttp),
            ("127.0.0.1:9000", HostError::Address),
            ("", HostError::Name),
        ] {
            assert_eq!(named(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_bare_host_is_reached_as_the_org_is_that_named_it() {
        let trusted = trusting_loopback();
        let simulated = InstanceUrl::parse("http://127.0.0.1:9000", &trusted).unwrap();
        let named = |text: &str| TargetUrl::data_cloud(text, &simulated, &trusted).map(|url| url.to_string());
        assert_eq!(named("127.0.0.1:9001").as_deref(), Ok("http://127.0.0.1:9001"));
        assert_eq!(named("mvst8x.c360a.salesforce.com"), Err(HostError::PlainHttp));
    }

    #[test]
    fn each_configured_target_is_one_of_its_own_hosts_or_a_trusted_one() {
        let (none, loopback) = (TrustedHosts::default(), trusting_loopback());
        assert!(TargetUrl::account_engagement("https://pi.demo.pardot.com", &none).is_ok());
        assert!(TargetUrl::platform("https://dev.api.salesforce.com/", &none).is_ok());
        assert_eq!(TargetUrl::account_engagement("https://api.salesforce.com", &none), Err(HostError::NotSalesforce));
        assert_eq!(TargetUrl::platform("https://acme.my.salesforce.com", &none), Err(HostError::NotSalesforce));
        assert_eq!(TargetUrl::platform("http://127.0.0.1:9", &none), Err(HostError::PlainHttp));
        assert!(TargetUrl::platform("http://127.0.0.1:9", &loopback).is_ok());
    }

    #[test]
    fn an_org_is_served_by_the_hosts_of_its_environment() {
        use Environment::{Production, Test};
        for (host, environment, shares) in [
            ("acme.my.salesforce.com", Production, true),
            ("acme--uat.sandbox.my.salesforce.com", Test, true),
            ("site-1234-dev-ed.scratch.my.salesforce.com", Test, true),
            ("cs12.salesforce.com", Test, true),
            ("na1.salesforce.com", Production, true),
            ("acme.my.salesforce.mil", Production, false),
            ("acme.my.sfcrmproducts.cn", Production, false),
        ] {
            let url = org(host);
            assert_eq!((url.environment(), url.shares_login_host()), (environment, shares), "{host}");
        }
        for (url, shown) in [
            (TargetUrl::account_engagement_for(Test), "https://pi.demo.pardot.com"),
            (TargetUrl::platform_for(Test), "https://test.api.salesforce.com"),
            (TargetUrl::login_for(Production), "https://login.salesforce.com"),
        ] {
            assert_eq!((url.to_string().as_str(), url.port(), url.is_https()), (shown, 443, true));
        }
    }
}
