//! How the outbound client dials, waits and keeps connections.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use super::Egress;
use crate::salesforce::hosts::{HostList, Origin, PubSubUrl, TrustedHosts};

/// Settings of the outbound client.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Hosts beyond Salesforce's own.
    pub trusted_hosts: TrustedHosts,
    /// Where the Pub/Sub API is.
    pub pubsub_url: PubSubUrl,
    /// Whether hosts may resolve to private addresses (private links).
    pub allow_private_addresses: bool,
    /// Which way to take to a host.
    pub egress: Egress,
    /// The certificate that is shown to hosts of Salesforce that ask for one.
    pub client_cert: Option<ClientCert>,
    /// Longest wait for name, connection, tunnel and TLS together.
    pub connect_timeout: Duration,
    /// Longest wait for a whole answer of a token endpoint.
    pub exchange_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// Most idle connections kept per instance and worker.
    pub max_idle: usize,
}

/// A certificate of this client's own.
#[derive(Clone, Debug)]
pub struct ClientCert {
    /// It, and those between it and a root, in PEM.
    pub cert_file: PathBuf,
    /// Its key, in PEM.
    pub key_file: PathBuf,
    /// The only hosts that it is shown to.
    pub hosts: HostList,
}

impl Settings {
    /// Whether a host is shown the certificate.
    pub(super) fn is_shown_certificate(&self, to: &Origin) -> bool {
        self.client_cert.as_ref().is_some_and(|cert| cert.hosts.contains(to.host()))
    }

    /// Where a host is to be dialled: orgs ask for certificates on another port.
    pub(super) fn place<'a>(&self, of: &'a Origin) -> Cow<'a, Origin> {
        let moves = self.is_shown_certificate(of) && !self.trusted_hosts.contains(of.host());
        let elsewhere = moves.then(|| of.asking_for_certificates()).flatten();
        elsewhere.map_or(Cow::Borrowed(of), Cow::Owned)
    }
}
