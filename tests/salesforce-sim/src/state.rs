//! Everything the simulated service knows, behind one mutex that is held for look-ups and short changes
//! only, never across an await.

pub(crate) mod apps;
pub(crate) mod asks;
mod assertions;
mod client_credentials;
pub(crate) mod codes;
pub(crate) mod devices;
pub(crate) mod exchanges;
pub(crate) mod grants;
pub(crate) mod logins;
pub(crate) mod objects;
pub(crate) mod orgs;
mod passwords;
mod places;
pub(crate) mod records;
pub(crate) mod sessions;

pub(crate) mod services;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::clock::{Clock, Millis};
use crate::doors::Doors;
use crate::events::Held;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::record::Record;

/// What all listeners and the handle given to tests share.
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) record: Arc<Record>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) trickle: Arc<Semaphore>,
    pub(crate) held: Held,
    pub(crate) doors: Doors,
    /// How web hosts speak TLS, if they do.
    tls: Mutex<Option<TlsAcceptor>>,
}

impl Shared {
    pub(crate) fn new(doors: Doors, tls: Option<TlsAcceptor>) -> Self {
        let clock = Arc::<Clock>::default();
        Self {
            world: Mutex::new(World { clock: Arc::clone(&clock), ..World::default() }),
            clock,
            record: Arc::default(),
            faults: Faults::default(),
            counters: Counters::default(),
            trickle: Arc::new(Semaphore::new(0)),
            held: Held::default(),
            doors,
            tls: Mutex::new(tls),
        }
    }

    pub(crate) fn tls(&self) -> Option<TlsAcceptor> {
        self.tls.lock().expect("nothing panics while it is locked").clone()
    }

    pub(crate) fn set_tls(&self, tls: TlsAcceptor) {
        *self.tls.lock().expect("nothing panics while it is locked") = Some(tls);
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nothing panics while the state is locked")
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }
}

/// Apps, orgs, users and everything issued to them.
#[derive(Default)]
pub(crate) struct World {
    /// The same as [`Shared::clock`].
    pub(crate) clock: Arc<Clock>,
    pub(crate) ids: Ids,
    pub(crate) apps: HashMap<String, apps::AppRecord>,
    pub(crate) orgs: HashMap<String, orgs::OrgRecord>,
    pub(crate) users: HashMap<String, orgs::UserRecord>,
    pub(crate) grants: Vec<grants::Grant>,
    /// Every refresh token ever issued, dead or not, and the index of its grant.
    pub(crate) refresh_tokens: HashMap<String, usize>,
    pub(crate) sessions: HashMap<String, sessions::Session>,
    pub(crate) codes: HashMap<String, codes::Code>,
    /// What users are being asked, by the name of the ask.
    pub(crate) asks: HashMap<String, asks::Ask>,
    /// Device flows by their user code.
    pub(crate) devices: HashMap<String, devices::Device>,
    /// Users who are logged in, by session cookie.
    pub(crate) logins: HashMap<String, String>,
    /// What apps are refused on purpose.
    pub(crate) refusals: Vec<asks::ScriptedRefusal>,
    /// Refresh tokens that a request is using right now.
    pub(crate) in_flight: HashSet<String>,
    /// Every exchange of a refresh token that was judged, in that order.
    pub(crate) exchanges: Vec<exchanges::Exchange>,
    /// Services beside the orgs.
    pub(crate) services: services::Services,
    /// Every client secret, password, token and code ever issued.
    pub(crate) secrets: Vec<String>,
}

/// Running totals about exchanges: calls of the token endpoint without a code.
#[derive(Default)]
pub(crate) struct Counters {
    exchanges: AtomicU64,
    successful: AtomicU64,
    spent: AtomicU64,
    simultaneous: AtomicU64,
}

/// What happened to an exchange, for the totals.
#[derive(Clone, Copy)]
pub(crate) enum Counted {
    Exchange,
    Successful,
    SpentToken,
    Simultaneous,
}

impl Counters {
    pub(crate) fn count(&self, what: Counted) {
        self.of(what).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, what: Counted) -> u64 {
        self.of(what).load(Ordering::Relaxed)
    }

    fn of(&self, what: Counted) -> &AtomicU64 {
        match what {
            Counted::Exchange => &self.exchanges,
            Counted::Successful => &self.successful,
            Counted::SpentToken => &self.spent,
            Counted::Simultaneous => &self.simultaneous,
        }
    }
}
