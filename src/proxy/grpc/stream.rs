//! The answer to a call of gRPC on its way to the caller. A stream that has begun is not sent again; when its session
//! ends, the caller is told to open it again, and finds the next session. The same when Orgpass stops.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame};

use super::code::{GRPC_STATUS, GrpcCode};
use super::refusal::trailers;
use crate::proxy::error::{Code, ProxyError, StreamEnd};
use crate::proxy::observe::End;
use crate::proxy::sanitize;
use crate::salesforce::ApiFamily;
use crate::salesforce::pubsub::{Said, said};
use crate::shutdown::Stopping;
use crate::token::{RefusedSession, Session, Slot, TokenSource};
use crate::transport::StreamBody;

/// The rest of an answer, with what the proxy does about its end.
pub struct GrpcStream {
    first: Option<Frame<Bytes>>,
    rest: StreamBody,
    watch: Watch,
    /// Hears when the process is to stop. Only streams do: a single answer is soon there.
    stopping: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// How it ended, if the proxy had to say so itself.
    pub ended: Option<(Code, End)>,
    /// The code that the org ended it with.
    pub code: Option<GrpcCode>,
}

/// What an answer says about the session that it came with.
pub(super) struct Watch {
    tokens: TokenSource,
    slot: Arc<Slot>,
    session: Arc<Session>,
    sent: Instant,
    accepted: bool,
}

impl GrpcStream {
    pub(super) fn new(first: Option<Frame<Bytes>>, rest: StreamBody, watch: Watch, stopping: Option<Stopping>) -> Self {
        let stopping = stopping.map(|mut stopping| -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(async move { stopping.asked().await })
        });
        Self { first, rest, watch, stopping, ended: None, code: None }
    }

    /// Whether nothing follows the head.
    pub fn is_over(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    /// The next frame. After trailers there is none.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let next = match self.first.take() {
            Some(first) => Some(Ok(first)),
            None => match Pin::new(&mut self.rest).poll_frame(cx) {
                Poll::Ready(next) => next,
                Poll::Pending if self.must_stop(cx) => {
                    let error = ProxyError::StreamEnded(StreamEnd::Stopping);
                    return Poll::Ready(Some(self.end(&error, End::Complete)));
                }
                Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(Some(match next.map(|next| next.map(Frame::into_trailers)) {
            Some(Ok(Ok(trailers))) => self.relay_end(trailers),
            Some(Ok(Err(data))) => {
                self.watch.note_accepted();
                data
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "a stream of the Pub/Sub API broke");
                self.end(&ProxyError::UpstreamUnreachable, End::OrgFailed)
            }
            // What has no trailers is no answer of gRPC.
            None => self.end(&ProxyError::UpstreamUnreachable, End::OrgFailed),
        }))
    }

    fn must_stop(&mut self, cx: &mut Context<'_>) -> bool {
        self.stopping.as_mut().is_some_and(|asked| asked.as_mut().poll(cx).is_ready())
    }

    fn relay_end(&mut self, mut trailers: HeaderMap) -> Frame<Bytes> {
        self.code = GrpcCode::of(&trailers);
        match trailers.get(GRPC_STATUS).map(|status| said(status.as_bytes())) {
            Some(Said::Dead) => {
                let error = self.watch.prepare_next().err().unwrap_or(ProxyError::StreamEnded(StreamEnd::Session));
                return self.end(&error, End::OrgFailed);
            }
            Some(Said::Accepted) => self.watch.note_accepted(),
            Some(Said::Nothing) | None => {}
        }
        sanitize::response(&mut trailers, self.watch.session.instance.url());
        if self.watch.shows_token(&trailers) {
            return self.end(&ProxyError::ResponseWithheld, End::OrgFailed);
        }
        Frame::trailers(trailers)
    }

    fn end(&mut self, error: &ProxyError, end: End) -> Frame<Bytes> {
        self.ended = Some((error.code(), end));
        Frame::trailers(trailers(error))
    }
}

impl Watch {
    pub(super) fn new(tokens: TokenSource, slot: Arc<Slot>, session: Arc<Session>, sent: Instant) -> Self {
        Self { tokens, slot, session, sent, accepted: false }
    }

    /// The session lives.
    pub(super) fn note_accepted(&mut self) {
        if !std::mem::replace(&mut self.accepted, true) {
            self.tokens.accepted(&self.slot, &self.session, ApiFamily::PubSub, self.tokens.clock().now());
        }
    }

    pub(super) fn shows_token(&self, headers: &HeaderMap) -> bool {
        sanitize::carries_token(headers, self.session.token().expose().as_bytes())
    }

    /// Has the next session fetched, so that a caller who comes again finds it.
    fn prepare_next(&self) -> Result<(), ProxyError> {
        let (slot, session) = (&self.slot, &self.session);
        let refused = RefusedSession { slot, session, family: ApiFamily::PubSub, code: None, sent: self.sent };
        self.tokens.prepare_next(&refused).map_err(Into::into)
    }
}
