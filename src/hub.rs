//! The hub: exchanges for processes that have no grant keys, watches every connection, and connects customers' orgs: pages,
//! management API, events. Any number of hubs may share a store: all of them serve and take wishes, and one leads, which is
//! the one that watches.

mod api;
mod at_work;
mod census;
mod connect;
mod http;
mod lead;
mod look;
mod monitor;
pub mod pages;
mod people;
mod schedule;
mod settings;
mod tokens;
mod visible;
mod webhooks;
mod wishes;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

pub use settings::{PublicUrl, Settings};
pub use tokens::{ApiToken, ApiTokens};
pub use webhooks::Webhook;

use self::at_work::AtWork;
use crate::management::Management;
use crate::metrics::HubMetrics;
use crate::shutdown::Stopping;
use crate::store::{Owner, Store};
use crate::vault::Vault;

/// A hub of this process.
pub struct Hub {
    settings: Settings,
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    management: Arc<Management>,
    metrics: HubMetrics,
    /// This hub among the hubs.
    name: Owner,
    /// So that a wish and the monitor do not exchange for one connection at the same time.
    at_work: AtWork,
    /// Who may use the API; nobody without a file.
    tokens: Option<ApiTokens>,
    /// Answers under way, which end whether or not somebody waits.
    answers: TaskTracker,
    /// Asked for when the process stops: streams end then.
    stopping: Stopping,
}

impl Hub {
    /// A hub over these parts. The error says what is wrong with the file of API tokens.
    pub fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        management: Arc<Management>,
        metrics: HubMetrics,
        stopping: Stopping,
    ) -> Result<Arc<Self>, String> {
        let tokens = settings.api_tokens_file.as_deref().map(ApiTokens::open).transpose()?;
        Ok(Arc::new(Self {
            settings,
            store,
            vault,
            management,
            metrics,
            name: Owner::random(),
            at_work: AtWork::default(),
            tokens,
            answers: TaskTracker::new(),
            stopping,
        }))
    }

    /// Works until it is asked to stop, and then until what is under way has ended; gives the lead up last.
    pub async fn run(self: Arc<Self>, listener: TcpListener) {
        let (leads, lead) = watch::channel(false);
        let stopping = self.stopping.clone();
        tokio::join!(
            http::serve(Arc::clone(&self), listener, stopping.clone()),
            self.keep_the_lead(leads, stopping.clone()),
            Arc::clone(&self).take_wishes(stopping.clone()),
            self.sweep_links(lead.clone(), stopping.clone()),
            Arc::clone(&self).tell_webhooks(lead.clone(), stopping.clone()),
            Arc::clone(&self).monitor(lead, stopping),
        );
        if let Err(error) = self.store.step_down(&self.name).await {
            tracing::debug!(%error, "the lead was not given up; it ends by itself");
        }
    }

    /// Whether browsers reach the hub by TLS.
    fn is_secure(&self) -> bool {
        self.public_url().starts_with("https:")
    }

    fn public_url(&self) -> &str {
        self.management.link_settings().map_or("", |links| &links.public_url)
    }

    /// Where Salesforce sends browsers back to.
    fn callback_url(&self) -> String {
        format!("{}{}", self.public_url(), connect::CALLBACK)
    }
}
