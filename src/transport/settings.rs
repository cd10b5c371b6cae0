//! How the outbound client dials, waits and keeps connections.

use std::time::Duration;

use super::Egress;
use crate::salesforce::hosts::{PubSubUrl, TrustedHosts};

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
    /// Longest wait for name, connection, tunnel and TLS together.
    pub connect_timeout: Duration,
    /// Longest wait for a whole answer of a token endpoint.
    pub exchange_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// Most idle connections kept per instance and worker.
    pub max_idle: usize,
}
