//! A session ready for the warm path: everything that a request needs of one generation, built once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::HeaderValue;

use crate::connection::{Cause, Generation};
use crate::salesforce::api_families::ApiFamily;
use crate::salesforce::hosts::{InstanceUrl, TrustedHosts};
use crate::secret::Secret;
use crate::transport::{Instance, Transport};

use super::SessionSecret;
use super::data_cloud::DataCloud;
use super::lifetime::Life;

/// A token that is refused this soon after it was stored was never good here.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// One generation of a connection, with the header values that carry it.
pub struct Session {
    /// Which token it is.
    pub generation: Generation,
    /// `Bearer` and the token.
    pub authorization: HeaderValue,
    /// The token alone.
    pub bare: HeaderValue,
    /// Where it may be sent, with that instance's connections.
    pub instance: Arc<Instance>,
    /// The org's id, once known.
    pub org_id: Option<String>,
    /// The user's id, once known.
    pub user_id: Option<String>,
    token: Secret<String>,
    /// When it was stored, if an exchange earned it: one that was imported may have been old by then.
    stored: Option<Instant>,
    /// Whether this process has found it and had none before: it may have been accepted, and have died, until then.
    is_found: bool,
    /// Per API family: milliseconds from `loaded` to the last accepted call, plus one; zero for never.
    accepted: [AtomicU64; ApiFamily::ALL.len()],
    refused: [AtomicBool; ApiFamily::ALL.len()],
    loaded: Instant,
    /// What the token itself tells of its life.
    told: Option<Life>,
    /// What introspection told since, in seconds; zero for nothing.
    introspected: AtomicU32,
    jitter: u8,
    /// What it has earned at Data Cloud.
    pub(super) data_cloud: DataCloud,
}

impl Session {
    /// Makes a session, at `now`, of what a record holds. An instance that is not allowed, or a token that is no header value, is
    /// refused with its cause.
    pub(super) fn new(
        secret: &SessionSecret,
        now: Instant,
        stored: Option<Instant>,
        is_found: bool,
        trusted: &TrustedHosts,
        transport: &Transport,
    ) -> Result<Self, Cause> {
        let url = InstanceUrl::parse(&secret.instance_url, trusted).map_err(|_| Cause::HostNotAllowed)?;
        let bare = sensitive(secret.access_token.expose()).ok_or(Cause::RequestRefused)?;
        let bearer = zeroize::Zeroizing::new(format!("Bearer {}", secret.access_token.expose()));
        Ok(Self {
            generation: secret.generation,
            authorization: sensitive(&bearer).ok_or(Cause::RequestRefused)?,
            bare,
            instance: transport.instance(&url),
            org_id: secret.org_id.clone(),
            user_id: secret.user_id.clone(),
            token: secret.access_token.clone(),
            stored,
            is_found,
            accepted: Default::default(),
            refused: Default::default(),
            loaded: now,
            told: Life::told(secret),
            introspected: AtomicU32::new(0),
            jitter: secret.generation.jitter(),
            data_cloud: DataCloud::default(),
        })
    }

    /// The token's bytes, to look for them in responses.
    pub fn token(&self) -> &Secret<String> {
        &self.token
    }

    /// Whether it is a JWT-based access token, which some services insist on.
    pub fn is_jwt(&self) -> bool {
        self.token.expose().starts_with("eyJ")
    }

    /// Spreads work on many sessions over time: 0 to 255, the same for one generation everywhere.
    pub(super) fn jitter(&self) -> u8 {
        self.jitter
    }

    /// What the token itself tells of its life, or introspection told of it.
    pub(super) fn told(&self) -> Option<Life> {
        let introspected = Some(self.introspected.load(Ordering::Relaxed)).filter(|seconds| *seconds > 0);
        self.told.or(introspected.map(Life::introspected))
    }

    /// Notes what introspection told, in seconds.
    pub(super) fn note_introspected(&self, seconds: u32) {
        self.introspected.store(seconds, Ordering::Relaxed);
    }

    /// How old it is at `now`, as far as this process can tell.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.stored.unwrap_or(self.loaded))
    }

    /// Notes that the org accepted the token in a call of this family at `now`.
    pub(super) fn note_accepted(&self, family: ApiFamily, now: Instant) {
        let millis = now.saturating_duration_since(self.loaded).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX - 1);
        self.accepted[family as usize].store(millis + 1, Ordering::Relaxed);
    }

    /// Whether a call of this family was ever accepted.
    pub(super) fn was_accepted_by(&self, family: ApiFamily) -> bool {
        self.accepted[family as usize].load(Ordering::Relaxed) > 0
    }

    /// Notes that the org said in a call of this family that the session is dead.
    pub(super) fn note_refused(&self, family: ApiFamily) {
        self.refused[family as usize].store(true, Ordering::Relaxed);
    }

    /// Whether a call of this family was ever told that the session is dead.
    pub(super) fn was_refused_by(&self, family: ApiFamily) -> bool {
        self.refused[family as usize].load(Ordering::Relaxed)
    }

    /// When a call was last accepted, of any family.
    pub(super) fn last_accepted(&self) -> Option<Instant> {
        self.last_accepted_by(|_| true)
    }

    fn last_accepted_by(&self, counts: impl Fn(ApiFamily) -> bool) -> Option<Instant> {
        let families = ApiFamily::ALL.into_iter().filter(|family| counts(*family));
        let latest = families.map(|family| self.accepted[family as usize].load(Ordering::Relaxed)).max().unwrap_or(0);
        latest.checked_sub(1).map(|millis| self.loaded + Duration::from_millis(millis))
    }

    /// How old the token was at `at`, if it is known when it was stored.
    pub(super) fn known_age(&self, at: Instant) -> Option<Duration> {
        self.stored.map(|stored| at.saturating_duration_since(stored))
    }

    /// When the org last saw it used: by the last accepted call, else by being earned. Nobody knows it of a token that was
    /// imported and has not been accepted yet. Whether a call to another host counts as use is not known either.
    pub(super) fn last_use(&self) -> Option<Instant> {
        self.last_accepted_by(ApiFamily::is_of_org).or(self.stored)
    }

    /// Whether a call sent at `sent` went out within a second of the token's being stored, and nobody else can have had
    /// the good of it by then.
    pub(super) fn was_fresh(&self, sent: Instant) -> bool {
        !self.is_found && self.stored.is_some_and(|stored| sent.saturating_duration_since(stored) < FRESH)
    }
}

/// A header value that is not printed; `None` for what is none.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("generation", &self.generation).finish_non_exhaustive()
    }
}
