//! Doing it without a running `serve`: the same parts, made from the same configuration.

use std::sync::Arc;

use super::{Exit, Failure};
use crate::config::Config;
use crate::management::Management;
use crate::metrics::Metrics;
use crate::oauth::SecretFile;
use crate::store::{EmbeddedStore, Owner, RedisStore, Settings, Store, StoreError, StoreUrl};
use crate::token::Exchanger;
use crate::transport::Transport;

/// Opens the store that the configuration names. Must be called within a tokio runtime.
pub(super) fn open_store(settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    let refused = |error: &dyn std::fmt::Display| StoreError::Refused(error.to_string());
    match &settings.url {
        StoreUrl::File(path) => Ok(Arc::new(EmbeddedStore::open(path)?)),
        StoreUrl::Redis(_) => {
            let password = settings.password_file.clone().map(|file| SecretFile::new(file).read());
            let password = password.transpose().map_err(|error| refused(&error))?;
            let roots = settings.ca_file.as_ref().map(std::fs::read).transpose().map_err(|error| refused(&error))?;
            Ok(Arc::new(RedisStore::connect(settings, password.as_ref(), roots)?))
        }
    }
}

/// Management over a store that this process has opened.
pub(super) fn management(config: &Config, store: Arc<dyn Store>) -> Result<Management, Failure> {
    let transport = Transport::new(config.transport.clone(), config.extra_roots.as_deref(), 1)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let exchanger = Exchanger {
        settings: config.tokens.clone(),
        store,
        vault: Arc::clone(config.vault()),
        apps: config.apps.clone(),
        transport: Arc::new(transport),
        trusted_hosts: config.transport.trusted_hosts.clone(),
        owner: Owner::random(),
        metrics: Metrics::new().tokens,
    };
    Ok(Management::new(Arc::new(exchanger)))
}
