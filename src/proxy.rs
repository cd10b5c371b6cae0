//! A call's path, in the order it is lived. Everything before the sending is synchronous and looks only at the call's
//! head; only what waits for a token or the org is asynchronous. The exceptions are SOAP and the streaming API, whose
//! callers say in the body what others say in the head: as much of it as that takes is read first, within bounds.
//!
//! | step | does |
//! |---|---|
//! | [`observe`] | names the call; counts and logs it when its last byte has left |
//! | [`respond`] | turns a [`ProxyError`] into a response that the caller's library understands |
//! | [`guard`] | refuses what does not come from a caller |
//! | [`target`] | finds the host that is meant, if it is not the org's own |
//! | [`admit`] | bounds the calls in flight |
//! | [`policy`] | finds the API family and refuses every other path |
//! | [`identify`] | finds the connection and takes the tags out |
//! | [`sanitize`] | drops what must not go on, both ways |
//! | [`authenticate`] | puts the token in; sends again after a dead session |
//! | [`forward`] | sends to the org and streams back |
//!
//! What comes over HTTP/2 goes through the same steps by [`grpc`].

pub mod admit;
pub mod authenticate;
pub mod body;
pub mod error;
pub mod forward;
pub mod grpc;
pub mod guard;
pub mod identify;
pub mod local;
pub mod observe;
pub mod own_urls;
pub mod peek;
pub mod policy;
pub mod replay_body;
pub mod respond;
pub mod sanitize;
mod settings;
mod soap;
mod source;
mod spill;
pub mod streaming;
pub mod target;
mod unread;

use std::mem;
use std::sync::Arc;

use http::header::ACCEPT_ENCODING;
use http::request::Parts;
use http::{HeaderName, Request, Response, Uri, Version};
use hyper::body::Incoming;

use self::admit::{Admission, Permit};
use self::body::Body;
use self::error::{Code, PathFault, ProxyError};
use self::forward::Outgoing;
use self::guard::ListenerKind;
use self::observe::{Observation, Observer};
use self::replay_body::{ReplayBody, ReplayMemory};
use self::respond::ReplyForm;
use self::soap::Envelope;
use self::source::Source;
use self::target::Targets;
use crate::salesforce::soap::SoapApi;
use crate::salesforce::{ApiFamily, Resource, Target};
use crate::shutdown::Stopping;
use crate::token::{Slot, TokenSource};
use crate::transport::Transport;

pub use self::settings::{Listen, ListenError, ReplaySettings, Settings, TlsFiles};

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
    /// Hosts beside the orgs' own.
    pub targets: Arc<Targets>,
    /// Counts and logs.
    pub observer: Arc<Observer>,
    /// Bounds the calls of all workers.
    pub admission: Arc<Admission>,
    /// Bounds the recorded bodies of all workers.
    pub replay_memory: Arc<ReplayMemory>,
    /// Clients of the streaming API, of all workers.
    pub clients: Arc<streaming::Clients>,
    /// Hears when the process is to stop.
    pub stopping: Stopping,
    /// How callers come in.
    pub listener: ListenerKind,
    /// Which worker this is, from 0.
    pub worker: usize,
}

/// Goes with a request that came over TLS, so that the caller is told of this proxy by the scheme that it used.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// A call that the proxy answers itself.
struct Refusal {
    error: ProxyError,
    form: ReplyForm,
}

impl From<ProxyError> for Refusal {
    /// Before the API family is known.
    fn from(error: ProxyError) -> Self {
        Self { error, form: ReplyForm::default() }
    }
}

impl Proxy {
    /// Answers one call: observe, and respond to whatever came of the rest.
    pub async fn handle(self: Arc<Self>, mut request: Request<Incoming>) -> Response<Body> {
        let mut seen = self.observer.begin(request.method(), request.uri());
        seen.join_trace(&mut request);
        let mut unread = Source::Nothing;
        let relayed = match request.version() {
            Version::HTTP_2 => Box::pin(self.relay_grpc(request, &mut seen)).await,
            _ => {
                let (head, body) = request.into_parts();
                unread = Source::of(body, &head.headers);
                self.relay(head, &mut unread, &mut seen).await
            }
        };
        let (mut response, error) = match relayed {
            Ok(response) => {
                seen.note_org_answer(response.headers());
                (response, None)
            }
            Err(Refusal { error, form }) => (respond::respond(&error, form).map(Body::own), Some(error.code())),
        };
        if !matches!(unread, Source::Nothing) {
            Box::pin(unread::finish(unread, &mut response)).await;
        }
        if error == Some(Code::ReplayNotPossible) {
            response.headers_mut().insert(authenticate::REPLAY, http::HeaderValue::from_static("not-possible"));
        }
        response.headers_mut().insert(REQUEST_ID, seen.id());
        seen.note_code(response.headers());
        seen.set_answer(response.status(), error);
        response.map(|body| body.observed(seen))
    }

    /// The steps between observe and respond, in order. What nobody has read of a call that the proxy answers itself is
    /// left in `body`.
    async fn relay(
        &self,
        mut head: Parts,
        body: &mut Source,
        seen: &mut Observation,
    ) -> Result<Response<Body>, Refusal> {
        let target = guard::guard(&head, self.listener, &self.settings.allowed_hosts, &self.settings.tags)?;
        let permit = self.admission.admit()?;
        let (path, resource) = target::judge(target, head.uri.path())
            .map_err(|error| Refusal { error, form: ReplyForm::of(target.map(Target::family), &head.headers) })?;
        let (family, envelope) = match resource {
            Resource::Relayed(ApiFamily::PubSub) => return Err(ProxyError::from(PathFault::NeedsHttp2).into()),
            // Boxed, so that other calls do not carry the state of these about.
            Resource::Relayed(ApiFamily::Streaming) => {
                return Box::pin(streaming::relay(self, head, mem::take(body), permit, seen)).await;
            }
            Resource::Relayed(family) => (family, None),
            Resource::Soap(api) => match Box::pin(self.open(&api, &mut head, body, seen)).await? {
                Opened::Relayed(envelope) => (ApiFamily::Soap, Some(Box::new(envelope))),
                Opened::Answered(response) => return Ok(response),
            },
            Resource::Local(what) => {
                seen.hold(permit);
                let path = path.as_str().to_owned();
                return Box::pin(local::answer(self, what, &path, &head, body)).await;
            }
            _ => return Err(ProxyError::from(PathFault::Unknown).into()),
        };
        seen.set_family(family);
        let session_id = envelope.as_ref().and_then(|envelope| envelope.credential());
        let slot = match self.connection(&mut head, family, session_id, permit, seen) {
            Ok(slot) => slot,
            Err(error) => return Err(Refusal { error, form: ReplyForm::of(Some(family), &head.headers) }),
        };
        sanitize::request(&mut head.headers);
        let own_url = own_urls::are_in(family, head.uri.path()).then(|| {
            // Or a compressed answer could not be looked into.
            head.headers.remove(ACCEPT_ENCODING);
            local::base(&head)
        });
        let path = Uri::from(policy::outgoing_path(&head.uri));
        let mut call = Outgoing::new(head.method, path, head.headers, family, envelope, own_url);
        let replayed = ReplayBody::new(mem::take(body), &self.settings.replay, &self.replay_memory);
        let answer = authenticate::authenticate(self, &slot, target, &mut call, &replayed, seen).await;
        answer.map_err(|error| {
            *body = replayed.unread();
            Refusal { error, form: ReplyForm::of(Some(family), call.headers()) }
        })
    }

    /// The connection that the call means, charged with it.
    fn connection(
        &self,
        head: &mut Parts,
        family: ApiFamily,
        session_id: Option<&str>,
        mut permit: Permit,
        seen: &mut Observation,
    ) -> Result<Arc<Slot>, ProxyError> {
        let needs_assertion = self.settings.installation_needs_assertion;
        let identity = identify::identify(head, &self.settings.tags, family, needs_assertion, session_id)?;
        seen.set_identity(identity);
        let key = seen.identity().ok_or(ProxyError::NotConnected)?.key();
        let slot = match self.tokens.warm(key) {
            Some(slot) => slot,
            None => self.tokens.slot(key)?,
        };
        permit.charge(&slot)?;
        seen.hold(permit);
        Ok(slot)
    }

    /// Reads the beginning of a SOAP call. One that logs in or out is answered here: the session that it would give out
    /// or end is not the caller's.
    async fn open(
        &self,
        api: &SoapApi,
        head: &mut Parts,
        body: &mut Source,
        seen: &mut Observation,
    ) -> Result<Opened, Refusal> {
        seen.set_family(ApiFamily::Soap);
        let opened = Envelope::read(api, head, mem::take(body)).await;
        let (envelope, rest) = opened.map_err(|error| Refusal { error, form: ReplyForm::Soap })?;
        *body = rest;
        Ok(match envelope.operation() {
            login if api.is_login(login) => Opened::Answered(local::login(self, api, head, &envelope, body).await?),
            logout if api.is_logout(logout) => Opened::Answered(local::logout(api, logout)),
            _ => Opened::Relayed(envelope),
        })
    }
}

/// A SOAP call whose beginning has been read.
enum Opened {
    Relayed(Envelope),
    Answered(Response<Body>),
}
