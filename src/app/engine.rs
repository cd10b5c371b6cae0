//! The parts behind the listeners.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::StartError;
use crate::config::Config;
use crate::management::{Examiner, KeyKeeper, Management};
use crate::metrics::Metrics;
use crate::secret::{Secret, SecretFile};
use crate::store::{self, Access, Credentials, EmbeddedStore, ObservedStore, RedisStore, Store, StoreUrl};
use crate::token::{Breaker, Exchanger, ExchangerParts, Successors};
use crate::traces::Tracer;
use crate::transport::Transport;

/// The parts behind the listeners. The command line builds them too, when no `serve` is running.
pub struct Engine {
    /// Counters of the process.
    pub metrics: Arc<Metrics>,
    /// Where connections live.
    pub store: Arc<dyn Store>,
    /// The outbound client.
    pub transport: Arc<Transport>,
    /// Gets generations.
    pub exchanger: Arc<Exchanger>,
    /// What an operator may do to connections.
    pub management: Arc<Management>,
    /// Watches over keys. Its store is not observed: it looks at every record, which would drown what calls need.
    pub keys: KeyKeeper,
}

impl Engine {
    /// Builds the parts. Must be called within a tokio runtime, on which the store's background work then runs.
    pub fn build(config: &Config) -> Result<Self, StartError> {
        Self::build_for(config, config.hub.as_ref().map(|hub| hub.listen), Arc::default(), None)
    }

    /// The same for a process that counts and perhaps traces, and for a hub that listens at `hub`, which is another address
    /// than configured where any port was wanted.
    pub(super) fn build_for(
        config: &Config,
        hub: Option<SocketAddr>,
        metrics: Arc<Metrics>,
        tracer: Option<Arc<Tracer>>,
    ) -> Result<Self, StartError> {
        let opened = open_store(config)?;
        let keys = KeyKeeper::new(Arc::clone(&opened), Arc::clone(config.vault()));
        let store: Arc<dyn Store> = Arc::new(ObservedStore::new(opened, metrics.store.clone()));
        let transport = transport(config)?;
        let successors = Successors::open(config.journal_dir.as_deref())
            .map_err(|error| StartError::File(format!("vault.journal_dir: {error}")))?;
        let exchanger = Arc::new(Exchanger::new(ExchangerParts {
            settings: config.tokens.clone(),
            store: Arc::clone(&store),
            vault: Arc::clone(config.vault()),
            apps: config.apps.clone(),
            transport: Arc::clone(&transport),
            trusted_hosts: config.transport.trusted_hosts.clone(),
            successors,
            breaker: Breaker::new(config.tokens.limits),
            metrics: metrics.tokens.clone(),
            tracer,
        }));
        let links = config.hub.as_ref().zip(hub).map(|(settings, bound)| settings.links(bound));
        let management = Arc::new(Management::new(Arc::clone(&exchanger)).with_links(links));
        Ok(Self { metrics, store, transport, exchanger, management, keys })
    }
}

/// Looks at login hosts and apps as the parts would, without the store, which another process may have.
pub fn examiner(config: &Config) -> Result<Examiner, StartError> {
    Ok(Examiner::new(transport(config)?))
}

fn transport(config: &Config) -> Result<Arc<Transport>, StartError> {
    Ok(Arc::new(Transport::new(config.transport.clone(), config.ca_file.clone(), config.proxy.workers)?))
}

fn open_store(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    match &config.store.url {
        StoreUrl::File(path) => Ok(Arc::new(EmbeddedStore::open(path)?)),
        StoreUrl::Redis(_) => {
            let files = CredentialFiles(config.store.clone());
            files.read().map_err(StartError::File)?;
            Ok(Arc::new(RedisStore::connect(&config.store, files)?))
        }
    }
}

/// The files that open Redis.
struct CredentialFiles(store::Settings);

impl Credentials for CredentialFiles {
    fn read(&self) -> Result<Access, String> {
        let secret = |key: &str, file: &Option<PathBuf>| {
            let secret = file.clone().map(|file| SecretFile::new(file).read()).transpose();
            secret.map_err(|error| format!("store.{key}: {error}"))
        };
        let bytes = |key: &str, file: &Option<PathBuf>| {
            let bytes = file.as_ref().map(std::fs::read).transpose();
            bytes.map_err(|error| format!("store.{key}: {error}"))
        };
        let store = &self.0;
        Ok(Access {
            password: secret("password_file", &store.password_file)?,
            sentinel_password: secret("sentinel_password_file", &store.sentinel_password_file)?,
            ca_pem: bytes("ca_file", &store.ca_file)?,
            client_cert_pem: bytes("client_cert_file", &store.client_cert_file)?,
            client_key_pem: bytes("client_key_file", &store.client_key_file)?.map(Secret::new),
        })
    }
}
