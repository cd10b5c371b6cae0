//! Where a call for a target goes in place of its org, and with what.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderValue;

use crate::proxy::forward::Outgoing;
use crate::salesforce::Target;
use crate::salesforce::hosts::{Environment, TargetHosts, TargetUrl};
use crate::token::{DataCloudSession, RefusedSession, Session, Slot, TokenError, TokenSource};
use crate::traces::Wait;
use crate::transport::{Instance, Transport};

/// Another host than the org's own.
pub enum Away {
    /// With the connection's own token.
    Host(Arc<Instance>),
    /// With a token of Data Cloud's own.
    DataCloud(Arc<DataCloudSession>),
}

/// The hosts of targets that all orgs share, held so that connections to them are kept.
pub struct Targets {
    account_engagement: Pair,
    platform: Pair,
    login: Pair,
}

/// The host for production orgs, and that for sandboxes and scratch orgs.
struct Pair {
    production: Arc<Instance>,
    test: Arc<Instance>,
}

impl Targets {
    /// The hosts that the configuration names, and Salesforce's own in place of those that it does not.
    pub fn new(hosts: &TargetHosts, transport: &Transport) -> Self {
        let pair = |configured: Option<&TargetUrl>, usual: fn(Environment) -> TargetUrl| {
            let at = |environment| transport.target(configured.unwrap_or(&usual(environment)));
            Pair { production: at(Environment::Production), test: at(Environment::Test) }
        };
        Self {
            account_engagement: pair(hosts.account_engagement.as_ref(), TargetUrl::account_engagement_for),
            platform: pair(hosts.platform.as_ref(), TargetUrl::platform_for),
            login: pair(None, TargetUrl::login_for),
        }
    }

    /// The host of a target that takes the connection's own token, for an org with this instance; `None` for Data Cloud,
    /// which has another for each org.
    pub(super) fn host(&self, target: Target, org: &Arc<Instance>) -> Option<Arc<Instance>> {
        let pair = match target {
            Target::DataCloud => return None,
            Target::AccountEngagement => &self.account_engagement,
            Target::Platform => &self.platform,
            Target::Login if !org.url().shares_login_host() => return Some(Arc::clone(org)),
            Target::Login => &self.login,
        };
        Some(Arc::clone(match org.url().environment() {
            Environment::Production => &pair.production,
            Environment::Test => &pair.test,
        }))
    }
}

impl Outgoing {
    /// Where the call goes with this session.
    pub fn instance<'a>(&'a self, session: &'a Session) -> &'a Arc<Instance> {
        match &self.away {
            None => &session.instance,
            Some(Away::Host(instance)) => instance,
            Some(Away::DataCloud(own)) => &own.instance,
        }
    }

    /// `Bearer` and the token that the call goes with.
    pub(in crate::proxy) fn authorization<'a>(&'a self, session: &'a Session) -> &'a HeaderValue {
        self.data_cloud().map_or(&session.authorization, |own| &own.authorization)
    }

    /// The session of Data Cloud that the call goes with, if it does.
    pub fn data_cloud(&self) -> Option<&DataCloudSession> {
        match &self.away {
            Some(Away::DataCloud(own)) => Some(own),
            _ => None,
        }
    }

    /// Notes that the token that the call went with was accepted at `now`.
    pub fn note_accepted(&self, tokens: &TokenSource, slot: &Arc<Slot>, session: &Session, now: Instant) {
        match self.data_cloud() {
            Some(own) => tokens.accepted_by_data_cloud(slot, session, own),
            None => tokens.accepted(slot, session, self.family, now),
        }
    }

    /// The session to go on with after the one that the call went with: a session of Data Cloud's own may have died alone,
    /// or with the session that earned it.
    pub async fn next_session(
        &self,
        tokens: &TokenSource,
        refused: &RefusedSession<'_>,
        wait: Option<&mut Wait>,
    ) -> Result<Arc<Session>, TokenError> {
        match &self.away {
            Some(Away::DataCloud(own)) => Box::pin(tokens.after_data_cloud_refusal(refused, own, wait)).await,
            _ => tokens.next(refused, wait).await,
        }
    }

    /// Starts to get that session, for the caller's next try.
    pub fn prepare_next_session(&self, tokens: &TokenSource, refused: &RefusedSession<'_>) -> Result<(), TokenError> {
        match &self.away {
            Some(Away::DataCloud(own)) => tokens.prepare_after_data_cloud_refusal(refused, own),
            _ => tokens.prepare_next(refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::salesforce::{InstanceUrl, TrustedHosts};
    use crate::transport::Settings;

    fn trusted() -> TrustedHosts {
        TrustedHosts::new(vec!["127.0.0.1".parse().unwrap()])
    }

    fn transport() -> Transport {
        let settings = Settings {
            pubsub_url: crate::salesforce::hosts::PubSubUrl::default(),
            trusted_hosts: trusted(),
            allow_private_addresses: false,
            egress: crate::transport::Egress::default(),
            client_cert: None,
            connect_timeout: Duration::from_secs(1),
            exchange_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            max_idle: 1,
        };
        Transport::new(settings, None, 1).unwrap()
    }

    #[test]
    fn each_org_is_led_to_the_hosts_of_its_environment() {
        let transport = transport();
        let targets = Targets::new(&TargetHosts::default(), &transport);
        let acme = "https://acme.my.salesforce.com";
        let sandbox = "https://acme--uat.sandbox.my.salesforce.com";
        let government = "https://acme.my.salesforce.mil";
        let simulated = "http://127.0.0.1:9000";
        for (org, target, host) in [
            (acme, Target::AccountEngagement, "https://pi.pardot.com"),
            (acme, Target::Platform, "https://api.salesforce.com"),
            (acme, Target::Login, "https://login.salesforce.com"),
            (sandbox, Target::AccountEngagement, "https://pi.demo.pardot.com"),
            (sandbox, Target::Platform, "https://test.api.salesforce.com"),
            (sandbox, Target::Login, "https://test.salesforce.com"),
            (government, Target::Login, government),
            (simulated, Target::Login, simulated),
        ] {
            let instance = transport.instance(&InstanceUrl::parse(org, &trusted()).unwrap());
            let found = targets.host(target, &instance).map(|found| found.url().to_string());
            assert_eq!(found.as_deref(), Some(host), "{org} {target}");
            assert!(targets.host(Target::DataCloud, &instance).is_none());
        }
    }

    #[test]
    fn a_configured_host_is_for_every_org_and_its_connections_are_shared() {
        let transport = transport();
        let url = TargetUrl::platform("http://127.0.0.1:9001", &trusted()).unwrap();
        let targets = Targets::new(&TargetHosts { platform: Some(url.clone()), ..TargetHosts::default() }, &transport);
        for org in ["https://acme.my.salesforce.com", "https://acme--uat.sandbox.my.salesforce.com"] {
            let instance = transport.instance(&InstanceUrl::parse(org, &trusted()).unwrap());
            let found = targets.host(Target::Platform, &instance).unwrap();
            assert!(Arc::ptr_eq(&found, &transport.target(&url)), "{org}");
        }
    }
}
