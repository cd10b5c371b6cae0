//! The hub: exchanges for processes that have no grant keys, and watches every connection. Any number of hubs may share
//! a store: all of them take wishes, and one leads, which is the one that watches.

mod at_work;
mod census;
mod lead;
mod look;
mod monitor;
mod schedule;
mod settings;
mod wishes;

use std::sync::Arc;

use tokio::sync::watch;

pub use settings::{PublicUrl, Settings};

use self::at_work::AtWork;
use crate::management::Management;
use crate::metrics::HubMetrics;
use crate::shutdown::Stopping;
use crate::store::{Owner, Store};

/// A hub of this process.
pub struct Hub {
    settings: Settings,
    store: Arc<dyn Store>,
    management: Arc<Management>,
    metrics: HubMetrics,
    /// This hub among the hubs.
    name: Owner,
    /// So that a wish and the monitor do not exchange for one connection at the same time.
    at_work: AtWork,
}

impl Hub {
    /// A hub over these parts.
    pub fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        management: Arc<Management>,
        metrics: HubMetrics,
    ) -> Arc<Self> {
        Arc::new(Self { settings, store, management, metrics, name: Owner::random(), at_work: AtWork::default() })
    }

    /// Works until it is asked to stop, and then until what is under way has ended; gives the lead up last.
    pub async fn run(self: Arc<Self>, stopping: Stopping) {
        let (leads, lead) = watch::channel(false);
        tokio::join!(
            self.keep_the_lead(leads, stopping.clone()),
            Arc::clone(&self).take_wishes(stopping.clone()),
            Arc::clone(&self).monitor(lead, stopping),
        );
        if let Err(error) = self.store.step_down(&self.name).await {
            tracing::debug!(%error, "the lead was not given up; it ends by itself");
        }
    }
}
