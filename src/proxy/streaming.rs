//! Calls of the streaming API. The whole of a request is read before it is relayed, since its answer depends on its
//! messages: a client id dies with the session that made it, so only handshakes are sent again after a dead session, and
//! all others are told to shake hands anew.

mod answers;
mod clients;
mod cookies;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body as HttpBody;

use super::admit::Permit;
use super::authenticate::authenticate;
use super::body::Body;
use super::error::{ProxyError, RequestFault};
use super::forward::Outgoing;
use super::observe::Observation;
use super::replay_body::ReplayBody;
use super::respond::ReplyForm;
use super::source::Source;
use super::{Proxy, Refusal, policy, sanitize};
use crate::connection::ConnectionKey;
use crate::salesforce::ApiFamily;
use crate::salesforce::bayeux::{self, CONNECT, HANDSHAKE, MAX_REQUEST_BYTES, Message, Reply};

pub use answers::refusal;
pub use clients::Clients;

/// A caller that begins a request sends its few kilobytes at once.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a poll is held that ends with a refusal which is soon over, where nothing says how long it lasts, and at
/// most. Advice cannot say it: its interval is in milliseconds, and there are clients that take it for seconds.
const HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// Relays a request, but for a poll that is held while the process is asked to stop: its client shakes hands with
/// whoever comes next, which knows no cookies of this process.
pub(super) async fn relay(
    proxy: &Proxy,
    mut head: Parts,
    body: Source,
    permit: Permit,
    seen: &mut Observation,
) -> Result<Response<Body>, Refusal> {
    seen.set_family(ApiFamily::Streaming);
    let read = read(&head, body).await;
    let (bytes, messages) = read.map_err(|error| Refusal { error, form: ReplyForm::Bayeux(Arc::default()) })?;
    let refused = |error| Refusal { error, form: ReplyForm::Bayeux(Arc::clone(&messages)) };
    let slot = proxy.connection(&mut head, ApiFamily::Streaming, None, permit, seen).map_err(refused)?;
    sanitize::request(&mut head.headers);
    let path = Uri::from(policy::outgoing_path(&head.uri));
    let mut call = Outgoing::new(head.method, path, head.headers, ApiFamily::Streaming, None, None);
    let (of, clients) = (slot.key.clone(), Arc::clone(&proxy.clients));
    call.batch = Some(Box::new(Batch { bytes, messages: Arc::clone(&messages), of, clients }));
    let polls = messages.iter().any(|message| message.channel == CONNECT);
    let mut stopping = proxy.stopping.clone();
    let body = ReplayBody::nothing();
    let answered = async {
        let answer = authenticate(proxy, &slot, None, &mut call, &body, seen).await;
        if let (Err(error), true) = (&answer, polls) {
            hold(error).await;
        }
        answer.map_err(refused)
    };
    tokio::select! {
        biased;
        answer = answered => answer,
        () = stopping.asked(), if polls => Ok(answers::client_lost(&messages)),
    }
}

/// Keeps a client that is to come again from doing so at once.
async fn hold(error: &ProxyError) {
    if error.status().is_server_error() {
        tokio::time::sleep(error.retry_after().unwrap_or(HOLD).min(LONGEST_HOLD)).await;
    }
}

async fn read(head: &Parts, body: Source) -> Result<(Bytes, Arc<[Message]>), ProxyError> {
    if head.method != Method::POST {
        return Err(RequestFault::StreamingMethod.into());
    }
    if body.size_hint().lower() > MAX_REQUEST_BYTES as u64 {
        return Err(RequestFault::StreamingTooLong.into());
    }
    let reading = Limited::new(body, MAX_REQUEST_BYTES).collect();
    let read = tokio::time::timeout(BODY_TIMEOUT, reading).await.map_err(|_| RequestFault::Body)?;
    let bytes = read.map_err(|error| {
        let is_long = error.is::<http_body_util::LengthLimitError>();
        if is_long { RequestFault::StreamingTooLong } else { RequestFault::Body }
    })?;
    let bytes = bytes.to_bytes();
    match bayeux::read(&bytes) {
        Some(messages) if !messages.is_empty() => Ok((bytes, messages.into())),
        _ => Err(RequestFault::StreamingForm.into()),
    }
}

/// The messages of one request.
pub struct Batch {
    /// As they came.
    bytes: Bytes,
    messages: Arc<[Message]>,
    /// The connection that they are for.
    of: ConnectionKey,
    clients: Arc<Clients>,
}

impl Batch {
    /// The body.
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The cookies of the client that the messages are from, for a request to `host`.
    pub fn cookies(&self, host: &HeaderValue) -> Option<HeaderValue> {
        let now = Instant::now();
        self.client_ids().find_map(|id| self.clients.cookies(&self.of, id, host, now))
    }

    /// Keeps what an answer of `host` says about clients; what `is_secret` is never kept. Tells whether the answer shows
    /// that the token was accepted: a message that was refused does not, whatever the status.
    pub fn learn(
        &self,
        host: &HeaderValue,
        headers: &HeaderMap,
        beginning: &[u8],
        is_secret: impl Fn(&[u8]) -> bool,
    ) -> bool {
        let (now, replies) = (Instant::now(), bayeux::replies(beginning));
        let is_greeting = |reply: &&Reply| reply.is_handshake() && !reply.is_refusal();
        let greeted: Vec<&str> = replies.iter().filter(is_greeting).filter_map(Reply::client_id).collect();
        for id in &greeted {
            self.clients.add(&self.of, id, host, now);
        }
        if headers.contains_key(SET_COOKIE) {
            for id in greeted.into_iter().chain(self.client_ids()) {
                self.clients.update(&self.of, id, host, now, |cookies| cookies.update(headers, &is_secret));
            }
        }
        if replies.iter().any(Reply::ends_client) {
            self.forget_clients();
        }
        let has_events = replies.is_empty() && beginning.trim_ascii_start().starts_with(b"[");
        has_events || replies.iter().any(|reply| !reply.is_refusal())
    }

    /// The answer in the org's place to messages whose client died with its session; `None` if they can be sent with the
    /// next.
    pub fn answer_after_dead_session(&self) -> Option<Response<Body>> {
        if self.messages.iter().all(|message| message.channel == HANDSHAKE) {
            return None;
        }
        self.forget_clients();
        Some(answers::client_lost(&self.messages))
    }

    fn forget_clients(&self) {
        for id in self.client_ids() {
            self.clients.forget(&self.of, id);
        }
    }

    fn client_ids(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().filter_map(|message| message.client_id.as_deref())
    }
}
