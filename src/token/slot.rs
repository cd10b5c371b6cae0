//! What this process holds in memory of one connection: the session for the warm path, and beside it, under a short
//! lock, the flight that callers wait for, the stops, and what has been learned.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::{Notify, watch};

use super::backoff::Backoff;
use super::lifetime::Lifetime;
use super::traced::Traced;
use super::{Session, Settings, TokenError, Unavailable};
use crate::connection::{Cause, ConnectionKey, Status};
use crate::salesforce::{ApiFamily, ErrorCode};
use crate::store::GrantKind;

/// First and longest stop after an exchange that failed for now.
const TRANSIENT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// First and longest stop after an exchange that an admin must cure.
const MISCONFIGURED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(60 * 60));

pub(super) type FlightResult = Result<Arc<Session>, TokenError>;

/// A task that gets a session, and its trace.
#[derive(Clone)]
pub(super) struct Flight {
    pub(super) landed: watch::Receiver<Option<FlightResult>>,
    pub(super) traced: Traced,
}

/// One connection in memory.
pub struct Slot {
    /// Which connection.
    pub key: ConnectionKey,
    session: ArcSwapOption<Session>,
    made: Instant,
    /// The last use of sessions that are gone, and the last use that the store has been told of, in milliseconds from
    /// `made`, plus one; zero for none.
    used_before: AtomicU64,
    noted: AtomicU64,
    calls: AtomicU32,
    /// Set while something is to be cured by an accepted call, so that the warm path need not look under the lock.
    troubled: AtomicBool,
    /// Notified when the connection is announced as changed.
    news: Notify,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) flight: Option<Flight>,
    pub(super) status: Status,
    pub(super) cause: Option<Cause>,
    /// How the connection earns tokens, once that has been read.
    pub(super) grant: Option<GrantKind>,
    pub(super) lifetime: Lifetime,
    /// Why the last exchange failed, and until when no other is started.
    failure: Option<(TokenError, Instant)>,
    ended_for: Duration,
    transient: Backoff,
    misconfigured: Backoff,
    cooldowns: [Cooldown; ApiFamily::ALL.len()],
    /// Families that accepted the session before the present one.
    worked: [bool; ApiFamily::ALL.len()],
}

struct Cooldown {
    stop: Backoff,
    code: Option<ErrorCode>,
}

impl Slot {
    pub(super) fn new(key: ConnectionKey, settings: &Settings) -> Self {
        let cooldown = || Cooldown { stop: Backoff::new(settings.cooldown, settings.cooldown_max), code: None };
        Self {
            key,
            session: ArcSwapOption::empty(),
            made: Instant::now(),
            used_before: AtomicU64::new(0),
            noted: AtomicU64::new(0),
            calls: AtomicU32::new(0),
            troubled: AtomicBool::new(false),
            news: Notify::new(),
            state: Mutex::new(State {
                flight: None,
                status: Status::Pending,
                cause: None,
                grant: None,
                lifetime: Lifetime::default(),
                failure: None,
                ended_for: settings.unknown_for,
                transient: Backoff::new(TRANSIENT.0, TRANSIENT.1),
                misconfigured: Backoff::new(MISCONFIGURED.0, MISCONFIGURED.1),
                cooldowns: std::array::from_fn(|_| cooldown()),
                worked: Default::default(),
            }),
        }
    }

    /// The session, if one may be used now. No lock, no reference count.
    pub fn session(&self) -> Guard<Option<Arc<Session>>> {
        self.session.load()
    }

    /// Counts one more call in flight unless there are `limit` already.
    pub fn enter(&self, limit: u32) -> bool {
        if self.calls.fetch_add(1, Ordering::Relaxed) < limit {
            return true;
        }
        self.leave();
        false
    }

    /// Counts one call less.
    pub fn leave(&self) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Relaxed)
    }

    pub(super) fn set_troubled(&self, troubled: bool) {
        self.troubled.store(troubled, Ordering::Relaxed);
    }

    pub(super) fn news(&self) -> &Notify {
        &self.news
    }

    pub(super) fn set_session(&self, session: Option<Arc<Session>>) {
        let replaced = self.session.swap(session);
        if let Some(at) = replaced.as_ref().and_then(|replaced| replaced.last_accepted()) {
            self.used_before.fetch_max(self.stamp(at), Ordering::Relaxed);
        }
    }

    /// When a call was last accepted, unless that has been noted.
    pub(super) fn unnoted_use(&self) -> Option<Instant> {
        let present = self.session.load().as_ref().and_then(|session| session.last_accepted());
        let used = present.map_or(0, |at| self.stamp(at)).max(self.used_before.load(Ordering::Relaxed));
        let is_new = used > self.noted.load(Ordering::Relaxed);
        is_new.then(|| self.made + Duration::from_millis(used - 1))
    }

    /// The use at `at` has been noted.
    pub(super) fn mark_noted(&self, at: Instant) {
        self.noted.fetch_max(self.stamp(at), Ordering::Relaxed);
    }

    fn stamp(&self, at: Instant) -> u64 {
        let millis = at.saturating_duration_since(self.made).as_millis();
        u64::try_from(millis).unwrap_or(u64::MAX - 1) + 1
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is a few independent assignments, valid after any panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The flight under way, if its task still lives.
    pub(super) fn live_flight(&self) -> Option<Flight> {
        self.flight.clone().filter(|flight| flight.landed.has_changed().is_ok())
    }

    /// Why no exchange may be started at `now`.
    pub(super) fn stopped(&self, now: Instant) -> Option<TokenError> {
        let (error, until) = self.failure.as_ref()?;
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            return None;
        }
        Some(match error {
            TokenError::Unavailable { reason, retry_after } => {
                TokenError::Unavailable { reason: *reason, retry_after: left.max(*retry_after) }
            }
            other => other.clone(),
        })
    }

    /// Notes how an exchange ended.
    pub(super) fn note_result(&mut self, result: &FlightResult, now: Instant) {
        let Err(error) = result else { return self.clear_failure() };
        self.note_status_of(error);
        let until = match error {
            TokenError::Misconfigured { .. } => self.misconfigured.fail(now),
            TokenError::Unavailable { reason: Unavailable::RateLimited, retry_after } => now + *retry_after,
            // It costs next to nothing to ask again, and what is waited for may be over in a moment.
            TokenError::Unavailable {
                reason: Unavailable::Store | Unavailable::RolledBack | Unavailable::NoHub | Unavailable::Busy,
                ..
            } => now + TRANSIENT.0,
            TokenError::Unavailable { .. } => self.transient.fail(now),
            // Read anew after a while, in case the announcement of a change was missed.
            TokenError::NotConnected | TokenError::Reauthorize(_) => now + self.ended_for,
        };
        self.failure = Some((error.clone(), until));
    }

    /// Notes the status that an error tells of, if it does.
    pub(super) fn note_status_of(&mut self, error: &TokenError) {
        match error {
            TokenError::Reauthorize(cause) => (self.status, self.cause) = (Status::Reauthorize, Some(*cause)),
            TokenError::Misconfigured { cause, .. } => {
                (self.status, self.cause) = (Status::Misconfigured, Some(*cause));
            }
            TokenError::NotConnected | TokenError::Unavailable { .. } => {}
        }
    }

    /// Notes a status that was announced. Word that the connection works ends a stop; word that it does not, which every
    /// process that tries sends, must not make this one try again.
    pub(super) fn note_news(&mut self, status: Status) {
        if status == Status::Active {
            self.clear_failure();
        }
    }

    /// Forgets failures: somebody changed the connection, or it works again.
    pub(super) fn clear_failure(&mut self) {
        self.failure = None;
        self.transient.clear();
        self.misconfigured.clear();
    }

    /// The code with which this family refused a fresh token, while the cool-down lasts.
    pub(super) fn cooling(&self, family: ApiFamily, now: Instant) -> Option<Option<ErrorCode>> {
        let cooldown = &self.cooldowns[family as usize];
        cooldown.stop.left(now).map(|_| cooldown.code.clone())
    }

    /// Begins a cool-down: this family refused a fresh token.
    pub(super) fn cool(&mut self, family: ApiFamily, code: Option<ErrorCode>, now: Instant) {
        let cooldown = &mut self.cooldowns[family as usize];
        cooldown.stop.fail(now);
        cooldown.code = code;
    }

    /// Notes which families had accepted the session that is now replaced.
    pub(super) fn note_worked(&mut self, replaced: &Session) {
        self.worked = ApiFamily::ALL.map(|family| replaced.was_accepted_by(family));
    }

    /// Whether some family has accepted `session`, or accepted the one before and has not refused this one.
    pub(super) fn is_good_for_some(&self, session: &Session) -> bool {
        ApiFamily::ALL.iter().any(|family| {
            let index = *family as usize;
            session.was_accepted_by(*family) || (self.worked[index] && self.cooldowns[index].stop.is_clear())
        })
    }

    /// Ends a family's cool-down: it accepted a call. True if none is left.
    pub(super) fn warm(&mut self, family: ApiFamily) -> bool {
        let cooldown = &mut self.cooldowns[family as usize];
        cooldown.stop.clear();
        cooldown.code = None;
        self.cooldowns.iter().all(|cooldown| cooldown.stop.is_clear())
    }
}
