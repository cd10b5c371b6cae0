//! What an operator may do to connections: import, list, show, check, refresh, remove. Nothing here gives a token away,
//! and whatever writes a connection whole holds its lease.

mod change;
mod check;
mod document;
#[cfg(test)]
pub(crate) mod fixture;
mod import;
mod refusal;
mod remove;
mod request;
mod sfdx_auth_url;
mod view;

use std::sync::Arc;

pub use check::{Checked, SessionFound};
pub use document::{Field, ImportDocument, InputFault, MAX_DOCUMENT_BYTES};
pub use import::Imported;
pub use refusal::Refusal;
pub use remove::{Removed, WhenNotRevoked};
pub use request::{ImportRequest, MAX_TOKEN_BYTES};
pub use sfdx_auth_url::SfdxAuthUrl;
pub use view::{ConnectionLine, ConnectionView, Lifetime, Listing};

use crate::connection::{ConnectionKey, Status};
use crate::oauth::Apps;
use crate::salesforce::hosts::TrustedHosts;
use crate::store::Store;
use crate::token::{Exchanger, Obtained, Want};
use crate::transport::Transport;
use crate::vault::Vault;

/// The most connections of one page of a listing.
pub const MAX_PAGE: usize = 1000;

/// The app of an import that names none.
pub const DEFAULT_APP: &str = "default";

/// What an operator may do. Made of the same parts as the token engine of its process.
pub struct Management {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    apps: Apps,
    transport: Arc<Transport>,
    trusted_hosts: TrustedHosts,
    exchanger: Arc<Exchanger>,
    // Within a process, two imports of one refresh token must not both find it free.
    importing: tokio::sync::Mutex<()>,
}

impl Management {
    /// Management over the process's exchanger and its parts.
    pub fn new(exchanger: Arc<Exchanger>) -> Self {
        let parts = exchanger.parts();
        Self {
            store: Arc::clone(&parts.store),
            vault: Arc::clone(&parts.vault),
            apps: parts.apps.clone(),
            transport: Arc::clone(&parts.transport),
            trusted_hosts: parts.trusted_hosts.clone(),
            exchanger,
            importing: tokio::sync::Mutex::default(),
        }
    }

    /// One page of connections: of one tenant or all, from `cursor` on, at most [`MAX_PAGE`].
    pub async fn list(&self, tenant: Option<&str>, cursor: Option<&str>, limit: usize) -> Result<Listing, Refusal> {
        let page = self.store.list(tenant, cursor, limit.clamp(1, MAX_PAGE)).await?;
        Ok(Listing::from(page))
    }

    /// Everything about a connection but its tokens.
    pub async fn show(&self, key: &ConnectionKey) -> Result<ConnectionView, Refusal> {
        let record = self.store.read_record(key).await?.ok_or(Refusal::NotConnected)?;
        Ok(ConnectionView::of(key, &record, &self.vault, &self.apps))
    }

    /// Gets the next generation now, whatever the present one is good for.
    pub async fn refresh(&self, key: &ConnectionKey) -> Result<ConnectionView, Refusal> {
        let row = self.store.read(key).await?.ok_or(Refusal::NotConnected)?;
        self.next_generation(key, Want::Ahead(row.head.generation)).await?;
        self.show(key).await
    }

    /// A generation as wanted. The exchange runs in a task of its own, so that it ends whatever becomes of whoever
    /// asked for it.
    async fn next_generation(&self, key: &ConnectionKey, want: Want) -> Result<Obtained, Refusal> {
        let (exchanger, key) = (Arc::clone(&self.exchanger), key.clone());
        let exchange = tokio::spawn(async move { exchanger.obtain(&key, want, None).await });
        match exchange.await {
            Ok(obtained) => Ok(obtained?),
            Err(error) => Err(Refusal::Failed { message: format!("the exchange ended without a result: {error}") }),
        }
    }

    /// Whether a connection in this state may be written over by another authorization.
    fn may_be_replaced(status: Status) -> bool {
        match status {
            Status::Active | Status::Checking => false,
            Status::Pending | Status::Reauthorize | Status::Misconfigured | Status::Disconnected => true,
        }
    }
}

#[cfg(test)]
mod tests;
