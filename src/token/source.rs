//! What the proxy asks: a session for a connection, and after a refusal the next one. Exchanges run in tasks of their
//! own on the engine's runtime, one at a time for each connection; a caller that goes away cancels nothing.

mod app_files;
mod changes;
mod data_cloud;
mod introspection;
mod refusals;

use std::sync::Arc;
use std::time::Instant;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, UnitWeighter};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

pub use self::refusals::RefusedSession;
use super::exchange::{Exchanger, Obtained};
use super::slot::{Flight, FlightResult};
use super::traced::Traced;
use super::{AskHub, Clock, Session, SessionSecret, Settings, Slot, TokenError, Unavailable, Want};
use crate::connection::{Cause, ConnectionKey, KeyRef, Status};
use crate::metrics::TokenMetrics;
use crate::salesforce::ApiFamily;
use crate::salesforce::hosts::TrustedHosts;
use crate::store::{Head, Store};
use crate::traces::Wait;
use crate::transport::Transport;

/// Unknown connections that are remembered as unknown; more push older ones out.
const UNKNOWN_ENTRIES: usize = 4096;

/// What a [`TokenSource`] is made of.
pub struct Parts {
    /// Settings of the engine.
    pub settings: Settings,
    /// Gets generations.
    pub exchanger: Arc<Exchanger>,
    /// Asks for generations, where this process cannot exchange; then it writes no status either.
    pub ask_hub: Option<AskHub>,
    /// Where sessions are read and statuses written.
    pub store: Arc<dyn Store>,
    /// Makes instances of hosts.
    pub transport: Arc<Transport>,
    /// Hosts that sessions may name beyond Salesforce's own.
    pub trusted_hosts: TrustedHosts,
    /// Counters of the engine.
    pub metrics: TokenMetrics,
    /// By which sessions age.
    pub clock: Clock,
    /// Where exchanges run.
    pub runtime: Handle,
}

/// The proxy's source of tokens. Clones share everything.
#[derive(Clone)]
pub struct TokenSource(Arc<Inner>);

/// Bounded; what was not asked for lately goes first.
type ByKey<V> = Cache<ConnectionKey, V, UnitWeighter, foldhash::fast::RandomState>;

struct Inner {
    parts: Parts,
    slots: ByKey<Arc<Slot>>,
    unknown: ByKey<Instant>,
    flights: TaskTracker,
}

fn by_key<V: Clone>(entries: usize) -> ByKey<V> {
    let hasher = foldhash::fast::RandomState::default();
    Cache::with(entries, entries as u64, UnitWeighter, hasher, DefaultLifecycle::default())
}

impl Equivalent<ConnectionKey> for KeyRef<'_> {
    fn equivalent(&self, key: &ConnectionKey) -> bool {
        *self == key.as_ref()
    }
}

impl TokenSource {
    /// A source over these parts, with nothing in memory. It follows the store's announcements and refreshes sessions in
    /// use ahead of their end until [`TokenSource::settle`].
    pub fn new(parts: Parts) -> Self {
        let slots = by_key(parts.settings.cache_entries);
        let source =
            Self(Arc::new(Inner { slots, unknown: by_key(UNKNOWN_ENTRIES), flights: TaskTracker::new(), parts }));
        source.0.parts.runtime.spawn(source.clone().follow_changes());
        source.0.parts.runtime.spawn(source.clone().follow_app_files());
        source.0.parts.runtime.spawn(super::ahead::run(source.clone()));
        source.0.parts.runtime.spawn(super::used::run(source.clone()));
        source.0.parts.runtime.spawn(Arc::clone(&source.0.parts.exchanger).guard());
        source
    }

    /// The connection, if it is in memory: the warm path.
    pub fn warm(&self, key: KeyRef<'_>) -> Option<Arc<Slot>> {
        self.0.slots.get(&key)
    }

    /// The connection, brought into memory: the cold path. Fails at once for one that was unknown a moment ago.
    pub fn slot(&self, key: KeyRef<'_>) -> Result<Arc<Slot>, TokenError> {
        if let Some(slot) = self.0.slots.get(&key) {
            return Ok(slot);
        }
        if let Some(since) = self.0.unknown.get(&key) {
            if self.clock().now().saturating_duration_since(since) < self.0.parts.settings.unknown_for {
                return Err(TokenError::NotConnected);
            }
            self.0.unknown.remove(&key);
        }
        let slot = Arc::new(Slot::new(key.to_owned(), &self.0.parts.settings));
        let shared = self.0.slots.get_or_insert_with(&slot.key, || Ok::<_, std::convert::Infallible>(slot.clone()));
        Ok(shared.unwrap_or_else(|never| match never {}))
    }

    /// The session to send a call of `family` with: the one in memory. While a dead one is being replaced, the next: a
    /// body that can be sent only once is not spent on it. Another family's refusal makes no call wait. `wait` is that of
    /// a recorded call.
    pub async fn current(&self, slot: &Arc<Slot>, family: ApiFamily, wait: Option<&mut Wait>) -> FlightResult {
        let Some(session) = slot.session().clone() else { return self.session(slot, Want::Any, wait).await };
        if session.was_refused_by(family) && slot.state().live_flight().is_some() {
            return self.session(slot, Want::After(session.generation), wait).await;
        }
        Ok(session)
    }

    /// A session of the connection as wanted. Waits for the flight that gets it, at most [`Settings::wait`].
    async fn session(&self, slot: &Arc<Slot>, want: Want, mut wait: Option<&mut Wait>) -> FlightResult {
        let deadline = tokio::time::Instant::now() + self.0.parts.settings.wait;
        loop {
            let mut flight = match self.board(slot, want, wait.as_deref_mut()) {
                Ok(flight) => flight,
                Err(answer) => return answer,
            };
            let landed = tokio::time::timeout_at(deadline, flight.landed.wait_for(Option::is_some)).await;
            match landed.map(|seen| seen.ok().and_then(|result| result.clone())) {
                Ok(Some(Ok(session))) if want.is_met_by(session.generation) => {
                    return Ok(session);
                }
                // A flight that had begun for an older refusal: get in line for the next.
                Ok(Some(Ok(_)) | None) => {}
                Ok(Some(Err(error))) => return Err(error),
                Err(_) => return Err(TokenError::unavailable(Unavailable::Busy)),
            }
        }
    }

    /// The session after one that the org refused. Tells apart a dead session from an org that refuses even a fresh one:
    /// then exchanges stop for a while. `wait` as for [`TokenSource::current`].
    pub async fn next(&self, refused: &RefusedSession<'_>, wait: Option<&mut Wait>) -> FlightResult {
        self.judge_refusal(refused)?;
        self.session(refused.slot, Want::After(refused.session.generation), wait).await
    }

    /// As [`TokenSource::next`], without waiting: the caller's next try finds the session.
    pub fn prepare_next(&self, refused: &RefusedSession<'_>) -> Result<(), TokenError> {
        self.judge_refusal(refused)?;
        self.start(refused.slot, Want::After(refused.session.generation));
        Ok(())
    }

    /// Starts a flight for a session as wanted, unless one is under way, not needed, or stopped.
    pub(super) fn start(&self, slot: &Arc<Slot>, want: Want) {
        // In each of these cases there is nothing to wait for.
        let _ = self.board(slot, want, None);
    }

    /// Notes that the org accepted a call of `family` with this session at `now`.
    pub fn accepted(&self, slot: &Arc<Slot>, session: &Session, family: ApiFamily, now: Instant) {
        session.note_accepted(family, now);
        if slot.is_troubled() {
            self.cure(slot, session.generation, family);
        }
    }

    /// The clock by which calls are to say when they were sent.
    pub fn clock(&self) -> &Clock {
        &self.0.parts.clock
    }

    /// How many connections are in memory.
    pub fn entries(&self) -> usize {
        self.0.slots.len()
    }

    /// Brings the gauges up to date, before they are read.
    pub fn update_gauges(&self) {
        let metrics = &self.0.parts.metrics;
        metrics.cache_entries.set(i64::try_from(self.entries()).unwrap_or(i64::MAX));
        let mut counts = [0; Status::ALL.len()];
        for (_, slot) in self.0.slots.iter() {
            counts[slot.state().status as usize] += 1;
        }
        for (status, count) in Status::ALL.iter().zip(counts) {
            metrics.connections.with_label_values(&[status.as_str()]).set(count);
        }
    }

    /// Waits until no exchange is under way. New ones are still started for calls that drain.
    pub async fn settle(&self) {
        self.0.parts.exchanger.begin_stop();
        self.0.flights.close();
        self.0.flights.wait().await;
        super::used::note_at_last(self).await;
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Arc<Slot>> + '_ {
        self.0.slots.iter().map(|(_, slot)| slot)
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.0.parts.store
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.parts.settings
    }

    /// The flight to wait for, started if need be; or the answer, if there is nothing to wait for.
    fn board(&self, slot: &Arc<Slot>, want: Want, wait: Option<&mut Wait>) -> Result<Flight, FlightResult> {
        let mut state = slot.state();
        if let Some(session) = slot.session().as_ref()
            && want.is_met_by(session.generation)
        {
            return Err(Ok(Arc::clone(session)));
        }
        if let Some(flight) = state.live_flight() {
            flight.traced.join(wait);
            return Ok(flight);
        }
        if let Some(error) = state.stopped(self.clock().now()) {
            return Err(Err(error));
        }
        let (sender, landed) = watch::channel(None);
        let flight = Flight { landed, traced: Traced::begin(self.0.parts.exchanger.parts().tracer.as_ref()) };
        flight.traced.join(wait);
        state.flight = Some(flight.clone());
        let fly = self.clone().fly(Arc::clone(slot), want, flight.traced.clone(), sender);
        self.0.flights.spawn_on(fly, &self.0.parts.runtime);
        Ok(flight)
    }

    async fn fly(self, slot: Arc<Slot>, want: Want, traced: Traced, sender: watch::Sender<Option<FlightResult>>) {
        let result = match self.obtain(&slot, want, &traced).await {
            Ok(obtained) => {
                self.introspect(&slot, &obtained);
                self.install(&slot, obtained)
            }
            Err(error) => Err(error),
        };
        if let Err(error @ (TokenError::NotConnected | TokenError::Reauthorize(_))) = &result {
            slot.set_session(None);
            if *error == TokenError::NotConnected {
                self.0.slots.remove(&slot.key);
                self.0.unknown.insert(slot.key.clone(), self.clock().now());
            }
        }
        {
            let mut state = slot.state();
            state.note_result(&result, self.clock().now());
            state.flight = None;
        }
        // Nobody boards any more.
        traced.finish(&slot.key, want, result.as_ref().map(|session| session.generation));
        sender.send_replace(Some(result));
    }

    async fn obtain(&self, slot: &Slot, want: Want, traced: &Traced) -> Result<Obtained, TokenError> {
        let known = slot.session().as_ref().map(|session| session.generation);
        let learned = slot.state().lifetime.to_remember();
        match &self.0.parts.ask_hub {
            None => self.0.parts.exchanger.obtain_for_calls(&slot.key, want, known, learned, traced).await,
            Some(ask_hub) => ask_hub.obtain(&slot.key, want, known, learned, slot.news(), traced).await,
        }
    }

    fn install(&self, slot: &Arc<Slot>, obtained: Obtained) -> FlightResult {
        let Obtained { head, session, stored, session_time, is_found_first, .. } = obtained;
        let session = Arc::new(self.ready(&session, stored, is_found_first)?);
        let mut state = slot.state();
        if let Some(held) = slot.session().as_ref().filter(|held| held.generation.supersedes_in_epoch(head.generation))
        {
            // Somebody was faster, with a later generation.
            return Ok(Arc::clone(held));
        }
        self.note_head(slot, &mut state, &head);
        state.lifetime.configure(session_time);
        // An announcement may have brought the same generation a moment before.
        if let Some(replaced) = slot.session().as_ref().filter(|held| held.generation != session.generation) {
            state.note_worked(replaced);
        }
        slot.set_session(Some(Arc::clone(&session)));
        Ok(session)
    }

    fn ready(&self, secret: &SessionSecret, stored: Option<Instant>, is_found: bool) -> Result<Session, TokenError> {
        let now = self.clock().now();
        // The age is by the store's clock; from here on this one counts.
        let stored = stored.and_then(|stored| now.checked_sub(stored.elapsed()));
        Session::new(secret, now, stored, is_found, &self.0.parts.trusted_hosts, &self.0.parts.transport)
            .map_err(|cause| TokenError::Misconfigured { cause, code: None })
    }

    fn note_head(&self, slot: &Slot, state: &mut super::slot::State, head: &Head) {
        (state.status, state.cause, state.grant) = (head.status, head.cause, Some(head.grant));
        state.lifetime.recall(head.idle);
        if head.cause == Some(Cause::FreshTokenRefused) {
            slot.set_troubled(true);
        }
    }
}
