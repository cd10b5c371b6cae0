//! The one response body: the proxy's own bytes, or the org's as they come. When the last byte has been taken, or the
//! caller is gone, the call's observation ends with it, and with that its permit.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::grpc::GrpcStream;
use super::observe::{End, Observation};
use crate::transport::{BodyError, ResponseBody};

/// A response body on its way to the caller.
pub struct Body {
    source: Source,
    observation: Option<Box<Observation>>,
}

enum Source {
    Own(Option<Bytes>),
    Org(Box<OrgBody>),
    Grpc(Box<GrpcStream>),
    Ended,
}

/// An org's response body.
pub struct OrgBody {
    /// What was read already to look at it.
    pub peeked: Option<Bytes>,
    /// The rest.
    pub rest: ResponseBody,
    /// The call's one timer.
    pub timer: Pin<Box<Sleep>>,
    /// How long the body may pause.
    pub pause_limit: Duration,
    /// Whether the timer runs: it is set when the body begins to make the caller wait, so that a fast body costs no
    /// timer work.
    pub pausing: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the org's answer paused for too long")]
struct Paused;

impl Body {
    /// The proxy's own bytes.
    pub fn own(bytes: Bytes) -> Self {
        let source = if bytes.is_empty() { Source::Ended } else { Source::Own(Some(bytes)) };
        Self { source, observation: None }
    }

    /// An org's body.
    pub fn org(body: OrgBody) -> Self {
        let mut this = Self { source: Source::Org(Box::new(body)), observation: None };
        this.end_if_read();
        this
    }

    /// A stream of gRPC.
    pub fn grpc(stream: GrpcStream) -> Self {
        let source = if stream.is_over() { Source::Ended } else { Source::Grpc(Box::new(stream)) };
        Self { source, observation: None }
    }

    /// Ties the observation's end to the body's.
    #[must_use]
    pub fn observed(mut self, mut observation: Box<Observation>) -> Self {
        if matches!(self.source, Source::Ended) {
            observation.end(End::Complete);
        }
        self.observation = Some(observation);
        self
    }

    /// Whether the body has been taken to its end already.
    fn end_if_read(&mut self) {
        let Source::Org(org) = &self.source else { return };
        if org.peeked.is_none() && org.rest.is_end_stream() {
            self.finish(End::Complete);
        }
    }

    /// Trailers are the end; they may be the proxy's own.
    fn end_with_trailers(&mut self, trailers: &HeaderMap) {
        let Source::Grpc(stream) = &self.source else { return };
        let (ended, code) = (stream.ended, stream.code);
        if let Some(observation) = &mut self.observation {
            observation.note_org_code(code);
            observation.note_code(trailers);
            if let Some((code, _)) = ended {
                observation.set_error(code);
            }
        }
        self.finish(ended.map_or(End::Complete, |(_, end)| end));
    }

    fn finish(&mut self, end: End) {
        self.source = Source::Ended;
        if let Some(observation) = &mut self.observation {
            observation.end(end);
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = match &mut this.source {
            Source::Ended => return Poll::Ready(None),
            Source::Own(bytes) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                this.finish(End::Complete);
                bytes.map(|bytes| Ok(Frame::data(bytes)))
            }
            Source::Org(org) => ready!(org.poll_frame(cx)),
            Source::Grpc(stream) => ready!(stream.poll_frame(cx)).map(Ok),
        };
        match &polled {
            Some(Ok(frame)) => {
                if let (Some(observation), Some(data)) = (&mut this.observation, frame.data_ref()) {
                    observation.add_sent(data.len());
                }
                if let Some(trailers) = frame.trailers_ref() {
                    this.end_with_trailers(trailers);
                }
                this.end_if_read();
            }
            Some(Err(_)) => this.finish(End::OrgFailed),
            None => this.finish(End::Complete),
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Ended => true,
            Source::Own(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Source::Org(_) | Source::Grpc(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Ended => SizeHint::with_exact(0),
            Source::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Source::Grpc(_) => SizeHint::default(),
            Source::Org(org) => {
                let (peeked, rest) = (org.peeked.as_ref().map_or(0, Bytes::len) as u64, org.rest.size_hint());
                rest.exact().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(peeked + rest))
            }
        }
    }
}

impl OrgBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(bytes) = self.peeked.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.rest).poll_frame(cx) {
            self.pausing = false;
            return Poll::Ready(frame);
        }
        if !self.pausing {
            self.pausing = true;
            self.timer.as_mut().reset(Instant::now() + self.pause_limit);
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Paused.into())))
    }
}
