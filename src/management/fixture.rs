//! What tests of management need: the parts over an embedded store in a folder of their own.

use std::sync::Arc;
use std::time::Duration;

use salesforce_sim::AppKey;
use tempfile::TempDir;

use super::Management;
use crate::metrics::Metrics;
use crate::oauth::Apps;
use crate::salesforce::hosts::TrustedHosts;
use crate::settings::Section;
use crate::store::{EmbeddedStore, Store};
use crate::token::{Breaker, Exchanger, ExchangerParts, Settings, Successors};
use crate::transport::{self, Transport};
use crate::vault::{KeyRing, Vault, new_key_line};

/// Management over a store of its own.
pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) management: Management,
    pub(crate) folder: TempDir,
}

/// The apps `default` with client id `3MVG9`, `other` with `3MVG8`, and `server` with a private key and a secret.
pub(crate) fn apps() -> Apps {
    let files = TempDir::new().unwrap();
    std::fs::write(files.path().join("app.pem"), AppKey::first().private_key).unwrap();
    std::fs::write(files.path().join("secret"), "a secret").unwrap();
    let table = "[default]\nclient_id = \"3MVG9\"\n[other]\nclient_id = \"3MVG8\"\n[server]\nclient_id = \"3MVG7\"\n\
                 private_key_file = \"app.pem\"\nclient_secret_file = \"secret\"";
    let mut faults = Vec::new();
    let apps = Apps::read(Section::new("apps", table.parse().unwrap(), files.path(), &mut faults), &trusted());
    assert_eq!(faults, []);
    apps
}

/// Trusts `127.0.0.1`.
pub(crate) fn trusted() -> TrustedHosts {
    TrustedHosts::new(vec!["127.0.0.1".parse().unwrap()])
}

pub(crate) fn ring() -> KeyRing {
    KeyRing::parse(&new_key_line()).unwrap()
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Vault::new(ring(), Some(ring())))
    }

    pub(crate) fn with(vault: Vault) -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(&folder.path().join("store.redb")).unwrap());
        let vault = Arc::new(vault);
        let management = management(Arc::clone(&store), Arc::clone(&vault));
        Self { store, vault, management, folder }
    }
}

pub(crate) fn management(store: Arc<dyn Store>, vault: Arc<Vault>) -> Management {
    let settings = transport::Settings {
        pubsub_url: crate::salesforce::hosts::PubSubUrl::default(),
        trusted_hosts: trusted(),
        allow_private_addresses: false,
        egress: transport::Egress::default(),
        client_cert: None,
        connect_timeout: Duration::from_secs(5),
        exchange_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(5),
        max_idle: 1,
    };
    Management::new(Arc::new(Exchanger::new(ExchangerParts {
        settings: Settings { wait: Duration::from_secs(1), ..Settings::default() },
        store,
        vault,
        apps: apps(),
        transport: Arc::new(Transport::new(settings, None, 1).unwrap()),
        trusted_hosts: trusted(),
        successors: Successors::open(None).unwrap(),
        breaker: Breaker::new(Settings::default().limits),
        metrics: Metrics::new().tokens,
        tracer: None,
    })))
}
