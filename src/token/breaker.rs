//! What keeps exchanges within bounds: a breaker for each app, so that a fault of the app itself does not send one
//! exchange for each of its connections, and caps on exchanges in flight and on those of one connection.

mod caps;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::caps::Caps;
pub use self::caps::Limits;
use super::backoff::Backoff;
use crate::connection::{Cause, ConnectionKey};

/// As many must have met the app's fault before it is taken to be everybody's.
const WITNESSES: usize = 3;
/// A witness is forgotten after this long.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// First and longest time in which an app's exchanges are held before one is let through to try.
const HELD: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(30 * 60));
/// Apps that are kept without looking for those of which nothing was heard for so long that they can be forgotten. Each
/// time that a tenant brings its app anew, the app is another one.
const KEPT: usize = 1024;
const UNHEARD_OF: Duration = Duration::from_secs(2 * 60 * 60);
/// How long those wait that come while another tries the app.
const PROBE_TAKES: Duration = Duration::from_secs(1);

/// Admits exchanges. Clones share everything.
#[derive(Clone, Debug)]
pub struct Breaker(Arc<Mutex<State>>);

/// The right to make one exchange. It counts as in flight until it is dropped.
#[derive(Debug)]
pub struct Permit {
    breaker: Breaker,
    host: String,
    /// The app that this exchange tries, while its breaker is open.
    probes: Option<String>,
}

/// Why no exchange may be made now. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What holds it.
    pub by: HeldBy,
    /// When to ask again.
    pub retry_after: Duration,
}

/// What holds an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldBy {
    /// Salesforce refuses the app, for this cause.
    App(Cause),
    /// As many exchanges as may be are in flight.
    InFlight,
    /// As many exchanges as may be are in flight to the login host.
    Host,
    /// The connection has had as many exchanges as it may have in an hour.
    Connection,
}

/// What an exchange told of its app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It brought tokens.
    Tokens,
    /// Salesforce refused it.
    Refused(Cause),
    /// Nothing.
    Unclear,
}

#[derive(Debug)]
struct State {
    caps: Caps,
    apps: HashMap<String, App>,
}

/// What is held against an app.
#[derive(Debug)]
struct App {
    witnesses: Vec<(String, Instant)>,
    cause: Cause,
    blamed: Instant,
    /// Clear while the breaker is closed.
    stop: Backoff,
    probing: bool,
}

impl Breaker {
    /// A breaker that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(State { caps: Caps::new(limits), apps: HashMap::new() })))
    }

    /// Admits an exchange of `key` for `app` at `login_host`, or says what holds it.
    pub fn admit(&self, app: &str, login_host: &str, key: &ConnectionKey, now: Instant) -> Result<Permit, Held> {
        let mut state = self.state();
        let State { caps, apps } = &mut *state;
        let mut tried = apps.get_mut(app).filter(|app| !app.stop.is_clear());
        if let Some(app) = &tried
            && let Some(retry_after) = app.stop.left(now).or(app.probing.then_some(PROBE_TAKES))
        {
            return Err(Held { by: HeldBy::App(app.cause), retry_after });
        }
        caps.enter(login_host, key, now)?;
        if let Some(app) = &mut tried {
            app.probing = true;
        }
        let probes = tried.map(|_| app.to_owned());
        Ok(Permit { breaker: self.clone(), host: login_host.to_owned(), probes })
    }

    /// Notes what an exchange of `key` told of `app`. To be called while its permit is held.
    pub fn note(&self, app: &str, key: &ConnectionKey, outcome: Outcome, now: Instant) {
        let mut state = self.state();
        match outcome {
            Outcome::Tokens => drop(state.apps.remove(app)),
            Outcome::Refused(cause) => {
                let Some(witness) = witness(cause, key) else { return };
                if state.apps.len() >= KEPT {
                    state.apps.retain(|_, app| now.saturating_duration_since(app.blamed) < UNHEARD_OF);
                }
                state.apps.entry(app.to_owned()).or_insert_with(|| App::new(cause, now)).blame(witness, cause, now);
            }
            Outcome::Unclear => {}
        }
    }

    /// Forgets what is held against an app: its secret file, say, has changed.
    pub fn forget(&self, app: &str) {
        self.state().apps.remove(app);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is a few independent assignments, valid after any panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        state.caps.leave(&self.host);
        if let Some(app) = self.probes.as_ref().and_then(|app| state.apps.get_mut(app)) {
            app.probing = false;
        }
    }
}

impl App {
    fn new(cause: Cause, now: Instant) -> Self {
        Self { witnesses: Vec::new(), cause, blamed: now, stop: Backoff::new(HELD.0, HELD.1), probing: false }
    }

    fn blame(&mut self, witness: String, cause: Cause, now: Instant) {
        (self.cause, self.blamed) = (cause, now);
        if !self.stop.is_clear() {
            // Those that were on their way when the breaker opened say nothing new.
            if self.stop.left(now).is_none() {
                self.stop.fail(now);
            }
            return;
        }
        self.witnesses.retain(|(name, at)| *name != witness && now.saturating_duration_since(*at) < REMEMBERED);
        self.witnesses.push((witness, now));
        if self.witnesses.len() >= WITNESSES {
            self.stop.fail(now);
        }
    }
}

/// Who is a witness of a fault of the app, if the cause is one. A secret or an address is wrong for everybody. An app may
/// be unknown on one tenant's host, or blocked by one tenant's admin: then all connections of a tenant are one witness.
fn witness(cause: Cause, key: &ConnectionKey) -> Option<String> {
    match cause {
        Cause::AppSecretWrong | Cause::IpRestrictedByApp => Some(key.encode()),
        Cause::AppUnknown | Cause::AppBlocked => Some(key.tenant().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
