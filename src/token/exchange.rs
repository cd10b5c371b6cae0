//! Getting a generation: load it from the store, adopt one that somebody else stored, or exchange for one. What is done
//! in which order is decided by `procedure`; here it is carried out.

mod alone;
mod apps;
mod earned;
mod in_progress;
mod introspection;
mod outcome;
mod prepare;
mod procedure;
mod record;
mod rollbacks;
mod run;

#[cfg(test)]
mod model;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use self::alone::Alone;
use self::in_progress::InProgress;
use self::outcome::{Sent, Waiting};
use self::prepare::Ready;
pub use self::procedure::Want;
use self::record::{may_be_served, refuse_if_ended, unopened, unreadable};
use self::rollbacks::Rollbacks;
use self::run::Run;
use super::traced::{Traced, TracedExchange};
use super::{Breaker, Outcome, SessionSecret, Settings, Successors, TokenError, Unavailable};
use crate::connection::{ConnectionKey, Generation};
use crate::metrics::TokenMetrics;
use crate::oauth::{Apps, TokenResponse};
use crate::salesforce::hosts::TrustedHosts;
use crate::store::{GrantKind, Head, Store, StoreTime};
use crate::traces::Tracer;
use crate::transport::Transport;
use crate::vault::Vault;

/// How long a lease lives. It only saves work; the intent is the guard. Longer than dialling and sending together.
const LEASE: Duration = Duration::from_secs(45);
/// How long after the store was lost nothing is exchanged: whoever knows that it went back is to say so first.
const GRACE: Duration = Duration::from_secs(2);

/// What an [`Exchanger`] is made of.
pub struct ExchangerParts {
    /// Settings of the engine.
    pub settings: Settings,
    /// Where connections are.
    pub store: Arc<dyn Store>,
    /// Opens and seals them.
    pub vault: Arc<Vault>,
    /// The apps of the configuration. Those that tenants brought are in the store.
    pub apps: Apps,
    /// Dials token endpoints.
    pub transport: Arc<Transport>,
    /// Hosts that a connection may name beyond Salesforce's own.
    pub trusted_hosts: TrustedHosts,
    /// What was exchanged for lately.
    pub successors: Successors,
    /// Keeps exchanges within bounds.
    pub breaker: Breaker,
    /// Counters of the engine.
    pub metrics: TokenMetrics,
    /// Where traces of exchanges go, if there are any.
    pub tracer: Option<Arc<Tracer>>,
}

/// Gets generations for connections.
pub struct Exchanger {
    parts: ExchangerParts,
    stopping: AtomicBool,
    store_was_lost: Mutex<Option<Instant>>,
    rollbacks: Rollbacks,
    in_progress: InProgress,
    alone: Alone,
}

/// A generation, and what the engine wants to know with it.
#[derive(Clone, Debug)]
pub struct Obtained {
    /// The clear part of its record.
    pub head: Head,
    /// The session.
    pub session: SessionSecret,
    /// When it was stored, by this process's clock.
    pub stored: Option<Instant>,
    /// The session time that the app's configuration names.
    pub session_time: Option<Duration>,
    /// Whether it was earned just now, by an exchange of this process.
    pub earned: bool,
    /// Whether it was there when this process first looked: what it was good for until then, nobody here has seen.
    pub is_found_first: bool,
}

impl Exchanger {
    /// An exchanger of these parts.
    pub fn new(parts: ExchangerParts) -> Self {
        // That nothing has been waited for yet is worth showing.
        for waiting in Waiting::ALL {
            parts.metrics.waits.with_label_values(&[waiting.as_str()]);
        }
        Self {
            alone: Alone::new(parts.settings.cache_entries),
            parts,
            stopping: AtomicBool::new(false),
            store_was_lost: Mutex::default(),
            rollbacks: Rollbacks::default(),
            in_progress: InProgress::default(),
        }
    }

    /// What it is made of.
    pub fn parts(&self) -> &ExchangerParts {
        &self.parts
    }

    /// A generation as wanted: the stored one if it will do, else one exchanged for. `known` is the newest generation
    /// that this process has in memory: a store that holds an older one has gone back.
    pub async fn obtain(
        &self,
        key: &ConnectionKey,
        want: Want,
        known: Option<Generation>,
    ) -> Result<Obtained, TokenError> {
        self.obtain_having_learned(key, want, known, None).await
    }

    /// As [`Exchanger::obtain_having_learned`], for calls of this process: while the store is away, a session may be earned
    /// for its own memory.
    pub(super) async fn obtain_for_calls(
        &self,
        key: &ConnectionKey,
        want: Want,
        known: Option<Generation>,
        learned: Option<u32>,
        traced: &Traced,
    ) -> Result<Obtained, TokenError> {
        let want = self.alone.in_terms_of_store(key, want);
        match self.obtain_traced(key, want, known, learned, traced).await {
            Ok(obtained) => {
                self.prepare_to_be_alone(key, &obtained.head).await;
                Ok(obtained)
            }
            Err(error @ TokenError::Unavailable { reason: Unavailable::Store, .. })
                if !matches!(want, Want::Ahead(_)) =>
            {
                self.earn_alone(key, want, traced).await.unwrap_or(Err(error))
            }
            Err(error @ (TokenError::NotConnected | TokenError::Reauthorize(_))) => {
                self.alone.forget(key);
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Exchanger::obtain`]; what has been learned of the connection's sessions is written with the outcome, see
    /// [`Head::idle`].
    pub async fn obtain_having_learned(
        &self,
        key: &ConnectionKey,
        want: Want,
        known: Option<Generation>,
        learned: Option<u32>,
    ) -> Result<Obtained, TokenError> {
        let traced = Traced::begin(self.parts.tracer.as_ref());
        let obtained = self.obtain_traced(key, want, known, learned, &traced).await;
        traced.finish(key, want, obtained.as_ref().map(|obtained| obtained.session.generation));
        obtained
    }

    /// As [`Exchanger::obtain_having_learned`], as part of work that is traced already.
    pub(super) async fn obtain_traced(
        &self,
        key: &ConnectionKey,
        want: Want,
        known: Option<Generation>,
        learned: Option<u32>,
        traced: &Traced,
    ) -> Result<Obtained, TokenError> {
        let stored = if want == Want::Any && known.is_none() { self.load(key).await? } else { None };
        match stored {
            Some(stored) => Ok(Obtained { is_found_first: true, ..stored }),
            None => Run::new(self, key, want, known, learned, traced).finish().await,
        }
    }

    /// The stored generation, by one read; `None` if the connection has no session that may be used.
    pub async fn load(&self, key: &ConnectionKey) -> Result<Option<Obtained>, TokenError> {
        let row = self.parts.store.read(key).await.map_err(unreadable)?.ok_or(TokenError::NotConnected)?;
        refuse_if_ended(&row.head)?;
        let Some(sealed) = row.session.as_ref().filter(|_| may_be_served(&row.head)) else { return Ok(None) };
        let session = SessionSecret::open(&self.parts.vault, key, sealed, row.head.generation)
            .map_err(|error| unopened(key, error))?;
        Ok(Some(self.found(row.head, session, row.now)))
    }

    /// Stores again what a store that went back has lost, for as long as the store lives.
    pub async fn guard(self: Arc<Self>) {
        let watch_reconnects = async {
            let mut reconnects = self.parts.store.reconnects();
            while reconnects.changed().await.is_ok() {
                *lock(&self.store_was_lost) = Some(Instant::now());
            }
        };
        let guarding = self.parts.successors.guard(Arc::clone(&self.parts.store), self.parts.metrics.clone());
        tokio::join!(watch_reconnects, guarding);
    }

    /// Lets an exchange whose outcome waits to be stored end once the journal has it.
    pub fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether the store was lost so lately that somebody may still have to tell that it went back.
    fn store_is_doubtful(&self) -> bool {
        lock(&self.store_was_lost).is_some_and(|lost| lost.elapsed() < GRACE)
    }

    /// Whether the store was lost after this time, so that what was read since may be outdated.
    fn lost_store_since(&self, then: Instant) -> bool {
        lock(&self.store_was_lost).is_some_and(|lost| lost >= then)
    }

    /// `known`, unless the store has held less for so long that nobody will set it right.
    fn still_known(&self, key: &ConnectionKey, known: Option<Generation>) -> Option<Generation> {
        known.filter(|_| !self.rollbacks.is_believed(key, Instant::now()))
    }

    /// Notes which generation the store holds, while this process has `known`: one that had gone back may be right again.
    pub(super) fn note_found(&self, key: &ConnectionKey, known: Option<Generation>, found: Generation) {
        if known.is_some_and(|known| !known.supersedes_in_epoch(found)) {
            self.rollbacks.forget(key);
        }
    }

    fn note_rollback(&self, key: &ConnectionKey) {
        if self.rollbacks.note(key, Instant::now()) {
            self.parts.metrics.rollbacks.inc();
            tracing::warn!(connection = %key, "the store holds less than this process has seen; nothing is exchanged for a minute");
        }
    }

    /// A generation that was found in the store. Only of one that an exchange brought does it matter when it was stored:
    /// an imported token may have been dead for long.
    fn found(&self, head: Head, session: SessionSecret, now: StoreTime) -> Obtained {
        let age = Duration::from_millis(now.millis_since(head.stored));
        let stored = head.attempt.as_ref().and_then(|_| Instant::now().checked_sub(age));
        self.obtained(head, session, stored)
    }

    /// Counts what came of sending, and tells the breaker.
    fn note_sent(&self, key: &ConnectionKey, ready: &Ready, grant: GrantKind, sent: &Sent, sent_at: Instant) {
        let told = match sent {
            Sent::Tokens(_) => Outcome::Tokens,
            Sent::Refused(cause) => Outcome::Refused(*cause),
            Sent::Unspent(_) | Sent::Unknown(_) => Outcome::Unclear,
        };
        self.parts.breaker.note(ready.breaker(), key, told, Instant::now());
        self.parts.metrics.exchange_duration.observe(sent_at.elapsed().as_secs_f64());
        self.count(grant, sent.label());
    }

    fn count(&self, grant: GrantKind, result: &'static str) {
        self.parts.metrics.exchanges.with_label_values(&[grant.as_str(), result]).inc();
    }

    fn obtained(&self, head: Head, session: SessionSecret, stored: Option<Instant>) -> Obtained {
        let session_time = self.parts.apps.get(&head.app).and_then(|app| app.session_time);
        Obtained { head, session, stored, session_time, earned: false, is_found_first: false }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Single assignments, valid after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The session of a token response.
fn session_of(response: &TokenResponse, generation: Generation) -> SessionSecret {
    SessionSecret {
        generation,
        access_token: response.access_token.clone(),
        instance_url: response.instance_url.clone(),
        org_id: response.identity.as_ref().map(|identity| identity.org.to_string()),
        user_id: response.identity.as_ref().map(|identity| identity.user.to_string()),
        issued_at: response.issued_at.as_ref().and_then(|millis| millis.parse().ok()),
        life: None,
    }
}
