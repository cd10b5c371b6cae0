//! What an operator may do to connections: import, list, show, check, refresh, remove. Nothing here gives a token away,
//! and whatever writes a connection whole holds its lease.

mod apps;
mod audit;
mod change;
mod check;
mod connect;
mod device;
mod document;
mod events;
mod examine;
mod examiner;
#[cfg(test)]
pub(crate) mod fixture;
mod import;
mod keys;
pub mod links;
mod operated;
mod refusal;
mod remove;
mod request;
mod sfdx_auth_url;
mod view;

use std::sync::Arc;

pub use apps::{AppDocument, AppView};
pub use audit::{Actor, AuditPage, Audited};
pub use check::{Checked, Found, SessionFound};
pub use connect::{Connected, Judged, NewConnection, NotObtained};
pub use device::{DEVICE_PATIENCE, DeviceLogin, DeviceRequest, DeviceState};
pub use document::{Field, ImportDocument, InputFault, MAX_DOCUMENT_BYTES};
pub use events::{EventLine, StateLine};
pub use examine::ApiFound;
pub use examiner::{AppFound, Examiner, HostFound, addresses_of};
pub use import::Imported;
pub use keys::{KeyKeeper, NotResealed, ResealPage, RingView, Unopenable, UsagePage};
pub use links::{LinkSettings, MintedLink};
pub use refusal::Refusal;
pub use remove::{OffBoarded, Removed, WhenNotRevoked};
pub use request::{ImportRequest, MAX_TOKEN_BYTES};
pub use sfdx_auth_url::SfdxAuthUrl;
pub use view::{ConnectionLine, ConnectionView, Lifetime, Listing, Name};

use self::device::Devices;
use crate::connection::{ConnectionKey, Status};
use crate::oauth::Apps;
use crate::salesforce::hosts::TrustedHosts;
use crate::store::{Record, Row, Store, StoreTime};
use crate::token::{Exchanger, Obtained, TokenError, Want};
use crate::transport::Transport;
use crate::vault::{Sealed, Vault};

/// The most connections of one page of a listing.
pub const MAX_PAGE: usize = 1000;

/// Records that are read at one time for an operator who waits.
const READS_AT_ONCE: usize = 8;

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
    keys: KeyKeeper,
    /// How links are made, where there is a hub.
    links: Option<LinkSettings>,
    /// Device flows that have begun.
    devices: Devices,
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
            keys: KeyKeeper::new(Arc::clone(&parts.store), Arc::clone(&parts.vault)),
            exchanger,
            links: None,
            devices: Devices::default(),
        }
    }

    /// With links, made as these settings say.
    #[must_use]
    pub fn with_links(self, links: Option<LinkSettings>) -> Self {
        Self { links, ..self }
    }

    /// How links are made, where there is a hub.
    pub fn link_settings(&self) -> Option<&LinkSettings> {
        self.links.as_ref()
    }

    /// Hosts that the operator trusts beyond Salesforce's own.
    pub fn trusted_hosts(&self) -> &TrustedHosts {
        &self.trusted_hosts
    }

    /// The outbound client.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The apps of the configuration.
    pub fn apps(&self) -> &Apps {
        &self.apps
    }

    /// One page of connections: of one tenant or all, from `cursor` on, at most [`MAX_PAGE`].
    pub async fn list(&self, tenant: Option<&str>, cursor: Option<&str>, limit: usize) -> Result<Listing, Refusal> {
        let page = self.store.list(tenant, cursor, limit.clamp(1, MAX_PAGE)).await?;
        let keys: Vec<_> = page.connections.iter().map(|(key, _)| key.clone()).collect();
        let mut listing = Listing::from(page);
        for (line, used) in listing.connections.iter_mut().zip(self.last_used(&keys).await) {
            line.used = used;
        }
        Ok(listing)
    }

    /// Everything about a connection but its tokens.
    pub async fn show(&self, key: &ConnectionKey) -> Result<ConnectionView, Refusal> {
        if self.vault.has_grant_keys() {
            let record = self.store.read_record(key).await?.ok_or(Refusal::NotConnected)?;
            let mut view = ConnectionView::of(key, &record, &self.vault, &self.apps);
            view.line.used = self.last_used(std::slice::from_ref(key)).await.pop().flatten();
            return Ok(view);
        }
        // Whoever cannot open a grant may not be allowed to read it either.
        let Row { head, session, now } = self.store.read(key).await?.ok_or(Refusal::NotConnected)?;
        let record = Record { head, session, now, grant: Sealed::from_bytes(Vec::new()), intent: None };
        Ok(ConnectionView::of(key, &record, &self.vault, &self.apps))
    }

    /// When connections were last used, as far as it is known: a listing is worth something without it.
    async fn last_used(&self, keys: &[ConnectionKey]) -> Vec<Option<StoreTime>> {
        self.store.last_used(keys).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "when connections were last used is not known");
            vec![None; keys.len()]
        })
    }

    /// What the records of one page need of the keys. A first page has changed key files read again.
    pub async fn key_usage(&self, cursor: Option<&str>, limit: usize) -> Result<UsagePage, Refusal> {
        if cursor.is_none() {
            self.keys.rings_as_in_files().await?;
        }
        self.keys.usage(None, cursor, limit, READS_AT_ONCE).await
    }

    /// Seals the records of one page anew, under the keys that seal now.
    pub async fn reseal(&self, cursor: Option<&str>, limit: usize) -> Result<ResealPage, Refusal> {
        self.keys.reseal(cursor, limit).await
    }

    /// Gets the next generation now, whatever the present one is good for.
    pub async fn refresh(&self, key: &ConnectionKey) -> Result<ConnectionView, Refusal> {
        let row = self.store.read(key).await?.ok_or(Refusal::NotConnected)?;
        self.renew(key, Want::Ahead(row.head.generation), None).await?;
        self.show(key).await
    }

    /// Has a generation as wanted in the store: the one that is there already, or one exchanged for, and with it what was
    /// `learned` of the life of the connection's sessions, in seconds.
    pub async fn renew(&self, key: &ConnectionKey, want: Want, learned: Option<u32>) -> Result<(), Refusal> {
        self.exchange(key, want, learned).await.map(drop)
    }

    /// A generation as wanted. The exchange runs in a task of its own, so that it ends whatever becomes of whoever
    /// asked for it.
    async fn next_generation(&self, key: &ConnectionKey, want: Want) -> Result<Obtained, Refusal> {
        self.exchange(key, want, None).await
    }

    async fn exchange(&self, key: &ConnectionKey, want: Want, learned: Option<u32>) -> Result<Obtained, Refusal> {
        if !self.vault.has_grant_keys() {
            return Err(Refusal::NoGrantKeys);
        }
        let (exchanger, key) = (Arc::clone(&self.exchanger), key.clone());
        let exchange = tokio::spawn(async move {
            let obtained = exchanger.obtain_having_learned(&key, want, None, learned).await?;
            // Nobody waits for what only saves later work.
            let earned = obtained.clone();
            tokio::spawn(async move { exchanger.introspect(&key, &earned).await });
            Ok::<_, TokenError>(obtained)
        });
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
