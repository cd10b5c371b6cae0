//! Step 8 for gRPC: puts the session in, and sends the call again with the next one when the answer is nothing but that
//! the session is dead.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::time::timeout;

use super::code::{GRPC_STATUS, GrpcCode};
use super::outgoing::Outgoing;
use super::stream::{GrpcStream, Watch};
use crate::proxy::authenticate::{MAX_SENDS, REPLAY};
use crate::proxy::body::Body;
use crate::proxy::error::{ProxyError, RequestFault};
use crate::proxy::observe::{Observation, Replay};
use crate::proxy::replay_body::ReplayBody;
use crate::proxy::{Proxy, sanitize};
use crate::salesforce::ApiFamily;
use crate::salesforce::pubsub::{Said, said};
use crate::token::{RefusedSession, Session, Slot};
use crate::transport::{Http2Error, StreamBody};

/// Sends the call until its session is accepted.
pub(super) async fn authenticate(
    proxy: &Proxy,
    slot: &Arc<Slot>,
    call: &mut Outgoing,
    body: &ReplayBody,
    seen: &mut Observation,
) -> Result<Response<Body>, ProxyError> {
    let mut session = proxy.tokens.current(slot, ApiFamily::PubSub, seen.wait()).await?;
    for sends in 1..=MAX_SENDS {
        let sent = proxy.tokens.clock().now();
        if let Some(context) = seen.begin_sending(session.generation, proxy.transport.pub_sub().url()) {
            call.carry(context);
        }
        let answer = timeout(ApiFamily::PubSub.row().first_byte_timeout, send(proxy, call, &session, body)).await;
        let answer = answer.unwrap_or(Err(ProxyError::UpstreamTimeout));
        let took = proxy.tokens.clock().now().saturating_duration_since(sent);
        seen.end_sending(took, answer.as_ref().map(|beginning| &beginning.answer));
        seen.note_org_code(answer.as_ref().ok().and_then(Beginning::code));
        let answer = answer?;
        if let Some(mut response) = accept(proxy, slot, call, &session, answer, sent)? {
            body.forget();
            if sends > 1 {
                seen.set_replay(Replay::Done);
                response.headers_mut().insert(REPLAY, HeaderValue::from_static("done"));
            }
            return Ok(response);
        }
        let refused = RefusedSession { slot, session: &session, family: ApiFamily::PubSub, code: None, sent };
        if !body.can_be_sent_again() || sends == MAX_SENDS {
            seen.set_replay(Replay::NotPossible);
            proxy.tokens.prepare_next(&refused)?;
            return Err(ProxyError::ReplayNotPossible);
        }
        let next = proxy.tokens.next(&refused, seen.wait()).await;
        session = next.map_err(|error| {
            seen.set_replay(Replay::NoToken);
            ProxyError::from(error)
        })?;
    }
    Err(ProxyError::ReplayNotPossible)
}

/// The beginning of an answer: its head, and of a call that one message answers what follows at once.
struct Beginning {
    answer: Response<StreamBody>,
    first: Option<Frame<bytes::Bytes>>,
}

impl Beginning {
    /// The status, if the answer is nothing else.
    fn status(&self) -> Option<Said> {
        match self.last().get(GRPC_STATUS) {
            // Some server in between that speaks no gRPC; gRPC's clients would take it for a dead session too.
            _ if self.trailers().is_none() && self.answer.status() == StatusCode::UNAUTHORIZED => Some(Said::Dead),
            status => status.map(|status| said(status.as_bytes())),
        }
    }

    /// Its code, if the answer is nothing else.
    fn code(&self) -> Option<GrpcCode> {
        GrpcCode::of(self.last())
    }

    fn trailers(&self) -> Option<&HeaderMap> {
        self.first.as_ref().and_then(Frame::trailers_ref)
    }

    /// Where the status is: in the trailers, or in the head of an answer without any.
    fn last(&self) -> &HeaderMap {
        self.trailers().unwrap_or(self.answer.headers())
    }
}

async fn send(proxy: &Proxy, call: &Outgoing, session: &Session, body: &ReplayBody) -> Result<Beginning, ProxyError> {
    let request = call.request(session, body.send(None));
    let failed = |error: &dyn std::fmt::Display| {
        if body.caller_failed() {
            return ProxyError::InvalidRequest(RequestFault::Body);
        }
        tracing::warn!(%error, "the connection to the Pub/Sub API failed");
        ProxyError::UpstreamUnreachable
    };
    let mut answer = proxy.transport.pub_sub().send(proxy.worker, request).await.map_err(|error| match error {
        Http2Error::Dial(error) => super::super::forward::undialled(&error),
        Http2Error::Failed(error) => failed(&error),
    })?;
    let is_whole = answer.headers().contains_key(GRPC_STATUS);
    let first = if call.answers_once && !is_whole { answer.body_mut().frame().await } else { None };
    let first = first.transpose().map_err(|error| failed(&error))?;
    Ok(Beginning { answer, first })
}

/// Makes the caller's response of an answer, unless that says that the session is dead.
fn accept(
    proxy: &Proxy,
    slot: &Arc<Slot>,
    call: &Outgoing,
    session: &Arc<Session>,
    beginning: Beginning,
    sent: Instant,
) -> Result<Option<Response<Body>>, ProxyError> {
    let status = beginning.status();
    if status == Some(Said::Dead) {
        return Ok(None);
    }
    let mut watch = Watch::new(proxy.tokens.clone(), Arc::clone(slot), Arc::clone(session), sent);
    if status == Some(Said::Accepted) {
        watch.note_accepted();
    }
    let (mut head, rest) = beginning.answer.into_parts();
    sanitize::response(&mut head.headers, session.instance.url());
    if watch.shows_token(&head.headers) {
        return Err(ProxyError::ResponseWithheld);
    }
    let stopping = (!call.answers_once).then(|| proxy.stopping.clone());
    let body = Body::grpc(GrpcStream::new(beginning.first, rest, watch, stopping));
    Ok(Some(Response::from_parts(head, body)))
}
