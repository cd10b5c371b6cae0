//! Faults by script. A fault names the requests it strikes and how often; the first that fits a request
//! is the only one that strikes it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::watch;

use crate::call::Call;
use crate::clock::seconds;

/// What goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Process the request in full, then close the connection without an answer.
    LoseResponse,
    /// Close the connection without having read the body or done anything.
    DropBeforeProcessing,
    /// Reset the connection (RST) without having done anything.
    ConnectionReset,
    /// Wait before processing. At the token endpoint the refresh token counts as being used meanwhile.
    Delay(#[serde(deserialize_with = "seconds")] Duration),
    /// Wait before processing until [`ActiveFault::release`]; at the token endpoint as for `Delay`.
    Hold,
    /// Process at once, keep the answer back until [`ActiveFault::release`].
    HoldAnswer,
    /// An HTML page instead of an answer, with this status (503, or the 200 that is seen in the wild).
    HtmlMaintenance(u16),
    /// This status and body, nothing processed.
    Status(u16, String),
    /// As `Status`, with a `Retry-After` in seconds.
    RetryAfter(u16, u32, String),
    /// An OAuth refusal: `error` and `error_description`, nothing processed.
    TokenError(String, String),
    /// `invalid_grant`, "token request is already being processed"; nothing processed.
    AlreadyBeingProcessed,
    /// Process, announce the whole answer and send half of its body.
    TruncatedBody,
    /// Answer that the session is dead before the body has been read; what still comes is read and dropped.
    EarlyAnswer,
    /// Process, and repeat the access token received in the header `X-Echo`.
    EchoTokenInHeader,
    /// Process, and repeat the access token received in the body, with the answer's own status.
    EchoTokenInBody,
}

/// An effect, the requests it strikes, and how many of them.
#[derive(Clone, Debug)]
pub struct Fault {
    effect: Effect,
    strikes: Strikes,
    org: Option<String>,
    times: u64,
    odds: Option<Odds>,
}

/// One in so many, by a generator of its own: the same seed strikes the same requests, in order of arrival.
#[derive(Clone, Debug)]
struct Odds {
    one_in: u64,
    state: u64,
}

#[derive(Clone, Debug)]
enum Strikes {
    TokenEndpoint,
    Path(String),
}

impl Fault {
    /// Strikes POSTs to the token endpoint, on the login host and the orgs' own.
    #[must_use]
    pub fn on_token_endpoint(effect: Effect) -> Self {
        Self::new(effect, Strikes::TokenEndpoint)
    }

    /// Strikes requests whose path begins so.
    #[must_use]
    pub fn on_path(prefix: impl Into<String>, effect: Effect) -> Self {
        Self::new(effect, Strikes::Path(prefix.into()))
    }

    fn new(effect: Effect, strikes: Strikes) -> Self {
        Self { effect, strikes, org: None, times: 1, odds: None }
    }

    /// Strikes only at this org's listener, given by its 18-character id.
    #[must_use]
    pub fn at_org(mut self, org_id: impl Into<String>) -> Self {
        self.org = Some(org_id.into());
        self
    }

    /// How many requests are struck; one if this is not called.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Strikes until [`ActiveFault::end`].
    #[must_use]
    pub fn for_good(self) -> Self {
        self.times(u64::MAX)
    }

    /// Strikes about one in `many` of the requests, until [`ActiveFault::end`]: which, depends on the seed.
    #[must_use]
    pub fn one_in(mut self, many: u64, seed: u64) -> Self {
        self.odds = Some(Odds { one_in: many.max(1), state: seed });
        self.for_good()
    }

    fn fits(&self, call: &Call) -> bool {
        let here = self.org.as_deref().is_none_or(|org| call.org_id() == Some(org));
        here && match &self.strikes {
            Strikes::TokenEndpoint => call.is_token_request(),
            Strikes::Path(prefix) => call.path().starts_with(prefix.as_str()),
        }
    }
}

impl Odds {
    /// SplitMix64.
    fn roll(&mut self) -> bool {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)).is_multiple_of(self.one_in)
    }
}

/// The handle of a fault that has been set.
#[derive(Clone, Debug)]
pub struct ActiveFault {
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct Gate {
    released: watch::Sender<bool>,
    /// Requests struck so far, and those of them that have come to their holding point.
    struck: watch::Sender<u64>,
    held: watch::Sender<u64>,
    ended: watch::Sender<bool>,
}

impl ActiveFault {
    fn new() -> Self {
        Self {
            gate: Arc::new(Gate {
                released: watch::Sender::new(false),
                struck: watch::Sender::new(0),
                held: watch::Sender::new(0),
                ended: watch::Sender::new(false),
            }),
        }
    }

    /// Lets those that are held go on, and holds none after them.
    pub fn release(&self) {
        self.gate.released.send_replace(true);
    }

    /// Strikes no further request, and releases those that are held.
    pub fn end(&self) {
        self.gate.ended.send_replace(true);
        self.release();
    }

    /// How many requests it has struck.
    #[must_use]
    pub fn struck(&self) -> u64 {
        *self.gate.struck.borrow()
    }

    /// Waits until `count` requests have been held in all (for `Hold` and `HoldAnswer`).
    pub async fn wait_held(&self, count: u64) {
        let mut held = self.gate.held.subscribe();
        // The sender lives as long as `self`.
        let _ = held.wait_for(|held| *held >= count).await;
    }

    async fn hold(&self) {
        let mut released = self.gate.released.subscribe();
        self.gate.held.send_modify(|held| *held += 1);
        let _ = released.wait_for(|released| *released).await;
    }
}

/// A fault that strikes one request.
#[derive(Debug)]
pub(crate) struct Struck {
    pub(crate) effect: Effect,
    active: ActiveFault,
}

impl Struck {
    /// Waits as `Delay` and `Hold` demand before a request is processed.
    pub(crate) async fn before_processing(&self) {
        match self.effect {
            Effect::Delay(delay) => tokio::time::sleep(delay).await,
            Effect::Hold => self.active.hold().await,
            _ => {}
        }
    }

    /// Waits as `HoldAnswer` demands once a request has been processed.
    pub(crate) async fn before_answering(&self) {
        if let Effect::HoldAnswer = self.effect {
            self.active.hold().await;
        }
    }
}

#[derive(Default)]
pub(crate) struct Faults {
    set: Mutex<VecDeque<(Fault, ActiveFault)>>,
    /// Those that were set over the control API, which knows them by their place here.
    numbered: Mutex<Vec<ActiveFault>>,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) -> ActiveFault {
        let active = ActiveFault::new();
        self.lock().push_back((fault, active.clone()));
        active
    }

    /// Sets a fault and returns its number.
    pub(crate) fn add_numbered(&self, fault: Fault) -> usize {
        let active = self.add(fault);
        let mut numbered = self.numbered();
        numbered.push(active);
        numbered.len() - 1
    }

    pub(crate) fn by_number(&self, number: usize) -> Option<ActiveFault> {
        self.numbered().get(number).cloned()
    }

    /// Ends all faults.
    pub(crate) fn clear(&self) {
        for (_, active) in self.lock().drain(..) {
            active.end();
        }
    }

    /// The fault that strikes this request.
    pub(crate) fn strike(&self, call: &Call) -> Option<Struck> {
        let mut set = self.lock();
        set.retain(|(fault, active)| fault.times > 0 && !*active.gate.ended.borrow());
        let (fault, active) = set.iter_mut().find_map(|(fault, active)| {
            let strikes = fault.fits(call) && fault.odds.as_mut().is_none_or(Odds::roll);
            strikes.then_some((fault, active))
        })?;
        fault.times -= 1;
        active.gate.struck.send_modify(|struck| *struck += 1);
        Some(Struck { effect: fault.effect.clone(), active: active.clone() })
    }

    fn numbered(&self) -> MutexGuard<'_, Vec<ActiveFault>> {
        self.numbered.lock().expect("nothing panics while the faults are locked")
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Fault, ActiveFault)>> {
        self.set.lock().expect("nothing panics while the faults are locked")
    }
}
