//! Data Cloud's own sessions: earned with a session of the org, and kept beside it for as long as it is the connection's.
//! The next generation begins without one.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use tokio::sync::watch;

use super::session::{FRESH, sensitive};
use crate::oauth::DataCloudToken;
use crate::salesforce::ErrorCode;
use crate::salesforce::hosts::HostError;
use crate::secret::Secret;
use crate::transport::Instance;

/// The last part of its life in which a session is replaced ahead of its end, as a fraction.
const RENEWED_IN_LAST: u32 = 10;

pub(super) type DataCloudResult = Result<Arc<DataCloudSession>, DataCloudError>;
pub(super) type DataCloudFlight = watch::Receiver<Option<DataCloudResult>>;

/// Why there is no session of Data Cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataCloudError {
    /// The org does not accept the session that was to earn it.
    DeadSession {
        /// Salesforce's own code.
        code: Option<ErrorCode>,
        /// When the org was asked.
        asked: Instant,
    },
    /// The connection's token has none of Data Cloud's scopes.
    ScopeMissing,
    /// The org refuses for another reason, with its own code.
    Refused(Option<ErrorCode>),
    /// The org names a host that is not allowed.
    HostNotAllowed(HostError),
    /// No answer; ask again.
    Unavailable,
}

/// A token of a Data Cloud tenant, ready to be sent.
pub struct DataCloudSession {
    /// `Bearer` and the token.
    pub authorization: HeaderValue,
    /// The tenant's host with its connections.
    pub instance: Arc<Instance>,
    token: Secret<String>,
    asked: Instant,
    earned: Instant,
    renewed_from: Instant,
    ends: Instant,
}

impl DataCloudSession {
    /// Makes a session of a token that the org was asked for at `asked` and gave at `earned`; `None` if the token is no
    /// header value.
    pub(super) fn new(token: DataCloudToken, instance: Arc<Instance>, asked: Instant, earned: Instant) -> Option<Self> {
        let bearer = zeroize::Zeroizing::new(format!("Bearer {}", token.access_token.expose()));
        // By the earlier of the two, so that it ends here no later than there.
        let ends = asked + token.life;
        Some(Self {
            authorization: sensitive(&bearer)?,
            instance,
            token: token.access_token,
            asked,
            earned,
            renewed_from: ends - token.life / RENEWED_IN_LAST,
            ends,
        })
    }

    /// The token's bytes, to look for them in responses.
    pub fn token(&self) -> &Secret<String> {
        &self.token
    }

    /// When the org was shown its own session for this one, which then was alive.
    pub(super) fn asked(&self) -> Instant {
        self.asked
    }

    /// Whether a call sent at `sent` went out within a second of its being earned.
    pub(super) fn was_fresh(&self, sent: Instant) -> bool {
        sent.saturating_duration_since(self.earned) < FRESH
    }
}

impl std::fmt::Debug for DataCloudSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataCloudSession").field("ends", &self.ends).finish_non_exhaustive()
    }
}

/// What a session of the org has earned at Data Cloud. Costs nothing until it is asked for.
#[derive(Default)]
pub(super) struct DataCloud(OnceLock<Box<Mutex<State>>>);

#[derive(Default)]
pub(super) struct State {
    held: Option<Arc<DataCloudSession>>,
    flight: Option<DataCloudFlight>,
    /// Why the last exchange failed, and until when no other is started.
    failure: Option<(DataCloudError, Instant)>,
}

/// What is to be done for a call at this moment.
pub(super) enum Standing {
    /// The session to use; with `renew` another is to be earned meanwhile.
    Held { session: Arc<DataCloudSession>, renew: bool },
    /// An exchange is under way.
    UnderWay(DataCloudFlight),
    /// None is started for now.
    Stopped(DataCloudError),
    /// One is to be started.
    Wanting,
}

impl DataCloud {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is a few independent assignments, valid after any panic.
        self.0.get_or_init(Box::default).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How things stand at `now`.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        let under_way = self.flight.clone().filter(|flight| flight.has_changed().is_ok());
        let stopped = self.failure.as_ref().filter(|(_, until)| now < *until).map(|(error, _)| error.clone());
        if let Some(session) = self.held.clone().filter(|held| now < held.ends) {
            let renew = now >= session.renewed_from && under_way.is_none() && stopped.is_none();
            return Standing::Held { session, renew };
        }
        match (under_way, stopped) {
            (Some(flight), _) => Standing::UnderWay(flight),
            (None, Some(error)) => Standing::Stopped(error),
            (None, None) => Standing::Wanting,
        }
    }

    /// Begins an exchange; its outcome goes to the sender.
    pub(super) fn begin(&mut self) -> (watch::Sender<Option<DataCloudResult>>, DataCloudFlight) {
        let (sender, flight) = watch::channel(None);
        self.flight = Some(flight.clone());
        (sender, flight)
    }

    /// Notes how an exchange ended. After one that failed none is started for `stop`; what is held stays good.
    pub(super) fn end(&mut self, result: &DataCloudResult, now: Instant, stop: Duration) {
        self.flight = None;
        match result {
            Ok(session) => (self.held, self.failure) = (Some(Arc::clone(session)), None),
            Err(error) => self.failure = Some((error.clone(), now + stop)),
        }
    }

    /// Forgets a session that Data Cloud refused, unless it has been replaced.
    pub(super) fn forget(&mut self, refused: &Arc<DataCloudSession>) {
        if self.held.as_ref().is_some_and(|held| Arc::ptr_eq(held, refused)) {
            self.held = None;
        }
    }
}
