//! A call's path, in the order it is lived. Everything before the sending is synchronous and looks only at the call's
//! head; only what waits for a token or the org is asynchronous.
//!
//! | step | does |
//! |---|---|
//! | [`observe`] | names the call; counts and logs it when its last byte has left |
//! | [`respond`] | turns a [`ProxyError`](error::ProxyError) into a response that the caller's library understands |
//! | [`guard`] | refuses what does not come from a caller |
//! | [`admit`] | bounds the calls in flight |
//! | [`policy`] | finds the API family and refuses every other path |
//! | [`identify`] | finds the connection and takes the tags out |
//! | [`sanitize`] | drops what must not go on, both ways |
//! | [`authenticate`] | puts the token in; sends again after a dead session |
//! | [`forward`] | sends to the org and streams back |

pub mod admit;
pub mod authenticate;
pub mod body;
pub mod error;
pub mod forward;
pub mod guard;
pub mod identify;
pub mod observe;
pub mod peek;
pub mod policy;
pub mod replay_body;
pub mod respond;
pub mod sanitize;
mod settings;
mod spill;

use std::sync::Arc;

use http::{HeaderName, Request, Response, Uri};
use hyper::body::Incoming;

use self::admit::Admission;
use self::body::Body;
use self::error::{Code, ProxyError};
use self::forward::Outgoing;
use self::guard::ListenerKind;
use self::observe::{Observation, Observer};
use self::replay_body::{ReplayBody, ReplayMemory};
use self::respond::ReplyForm;
use crate::token::{Slot, TokenSource};
use crate::transport::Transport;

pub use self::settings::{Listen, ListenError, ReplaySettings, Settings};

/// The call's name in the access log, given to the caller.
const REQUEST_ID: HeaderName = HeaderName::from_static("orgpass-request-id");

/// The proxy as one worker runs it.
pub struct Proxy {
    /// Settings of the proxy.
    pub settings: Arc<Settings>,
    /// Where tokens come from.
    pub tokens: TokenSource,
    /// The outbound client.
    pub transport: Arc<Transport>,
    /// Counts and logs.
    pub observer: Arc<Observer>,
    /// Bounds the calls of all workers.
    pub admission: Arc<Admission>,
    /// Bounds the recorded bodies of all workers.
    pub replay_memory: Arc<ReplayMemory>,
    /// How callers come in.
    pub listener: ListenerKind,
    /// Which worker this is, from 0.
    pub worker: usize,
}

impl Proxy {
    /// Answers one call: observe, and respond to whatever came of the rest.
    pub async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let mut seen = self.observer.begin(request.method());
        let mut form = ReplyForm::default();
        let (mut response, error) = match self.relay(request, &mut seen, &mut form).await {
            Ok(response) => (response, None),
            Err(error) => (respond::respond(&error, form).map(Body::own), Some(error.code())),
        };
        if error == Some(Code::ReplayNotPossible) {
            response.headers_mut().insert(authenticate::REPLAY, http::HeaderValue::from_static("not-possible"));
        }
        response.headers_mut().insert(REQUEST_ID, seen.id());
        seen.set_answer(response.status(), error);
        response.map(|body| body.observed(seen))
    }

    /// The steps between observe and respond, in order.
    async fn relay(
        &self,
        request: Request<Incoming>,
        seen: &mut Observation,
        form: &mut ReplyForm,
    ) -> Result<Response<Body>, ProxyError> {
        let (mut head, body) = request.into_parts();
        guard::guard(&head, self.listener, &self.settings.allowed_hosts, &self.settings.tags)?;
        let mut permit = self.admission.admit()?;
        let (_, family) = policy::judge(head.uri.path())?;
        *form = ReplyForm::of(Some(family), &head.headers);
        seen.set_family(family);
        let identity =
            identify::identify(&mut head, &self.settings.tags, family, self.settings.installation_needs_assertion)?;
        seen.set_identity(identity);
        let slot = self.slot(seen)?;
        permit.charge(&slot)?;
        seen.hold(permit);
        sanitize::request(&mut head.headers);
        let path = Uri::from(policy::outgoing_path(&head.uri));
        let call = Outgoing::new(head.method, path, head.headers, family);
        let body = ReplayBody::new(body, &self.settings.replay, &self.replay_memory);
        authenticate::authenticate(self, &slot, call, &body, seen).await
    }

    fn slot(&self, seen: &Observation) -> Result<Arc<Slot>, ProxyError> {
        let key = seen.identity().ok_or(ProxyError::NotConnected)?.key();
        match self.tokens.warm(key) {
            Some(slot) => Ok(slot),
            None => Ok(self.tokens.slot(key)?),
        }
    }
}
