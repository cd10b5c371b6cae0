//! A call in its trace: the span of the call, one below it for each sending to the org, and one for each wait for a
//! session, which leads to the exchange that was waited for. With traces off, a call has none of it.

mod spans;

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};

use super::ids::org_request;
use super::{Observation, Outcome};
use crate::connection::Generation;
use crate::proxy::OverTls;
use crate::proxy::error::{Code, ProxyError};
use crate::proxy::grpc::GrpcCode;
use crate::salesforce::hosts::Origin;
use crate::traces::context::TraceContext;
use crate::traces::{Joined, Wait};

/// What is kept of a traced call until it ends.
pub(super) struct Traced {
    joined: Joined,
    scheme: &'static str,
    sendings: Vec<Sending>,
    waits: Vec<Waited>,
    /// How it was answered, if it is one of gRPC.
    code: Option<GrpcCode>,
}

/// One sending to the org.
struct Sending {
    context: TraceContext,
    generation: Generation,
    host: String,
    port: u16,
    began: Instant,
    answer: Option<Answer>,
    /// How the org answered a call of gRPC, and when that was known.
    code: Option<(GrpcCode, Instant)>,
}

/// What came of a sending.
struct Answer {
    at: Instant,
    result: Result<StatusCode, Code>,
    org_request: Option<HeaderValue>,
}

/// Waiting for a session, or finding that there is one.
struct Waited {
    /// How many sendings there had been.
    sendings: usize,
    began: Instant,
    wait: Wait,
}

impl Traced {
    /// The trace's id.
    pub(super) fn id(&self) -> impl std::fmt::Display {
        self.joined.context.trace
    }
}

impl Observation {
    /// Joins the trace that the request belongs to, or begins one.
    pub fn join_trace<B>(&mut self, request: &mut Request<B>) {
        let Some(tracer) = &self.observer.tracer else { return };
        let Some(joined) = tracer.join(request.headers_mut()) else { return };
        let scheme = if request.extensions().get::<OverTls>().is_some() { "https" } else { "http" };
        let traced = Traced { joined, scheme, sendings: Vec::new(), waits: Vec::new(), code: None };
        self.traced = Some(Box::new(traced));
    }

    /// The call is about to ask for a session, and may have to wait for it. If it is traced, what to wait with.
    pub fn wait(&mut self) -> Option<&mut Wait> {
        let Traced { joined, sendings, waits, .. } = self.traced.as_deref_mut()?;
        let sendings = sendings.len();
        if waits.last().is_none_or(|last| last.sendings != sendings) {
            waits.push(Waited { sendings, began: Instant::now(), wait: Wait::of(joined.context) });
        }
        waits.last_mut().map(|waited| &mut waited.wait)
    }

    /// The call is sent to `host` with a session of this generation. If it is traced, the `traceparent` to send.
    pub fn begin_sending(&mut self, generation: Generation, host: &Origin) -> Option<HeaderValue> {
        self.generation = Some(generation);
        let traced = self.traced.as_mut()?;
        let context = traced.joined.context.child();
        traced.sendings.push(Sending {
            context,
            generation,
            host: host.host().to_owned(),
            port: host.port(),
            began: Instant::now(),
            answer: None,
            code: None,
        });
        Some(context.header())
    }

    /// The org took this long to begin its answer, or the sending failed.
    pub fn end_sending<B>(&mut self, took: Duration, answer: Result<&Response<B>, &ProxyError>) {
        self.upstream += took;
        let Some(sending) = self.traced.as_mut().and_then(|traced| traced.sendings.last_mut()) else { return };
        sending.answer = Some(Answer {
            at: Instant::now(),
            result: answer.map(Response::status).map_err(ProxyError::code),
            org_request: answer.ok().and_then(|answer| org_request(answer.headers())),
        });
    }

    /// The org's answer to a call of gRPC ended with this code.
    pub fn note_org_code(&mut self, code: Option<GrpcCode>) {
        let sending = self.traced.as_mut().and_then(|traced| traced.sendings.last_mut());
        if let (Some(sending), Some(code)) = (sending, code) {
            sending.code.get_or_insert((code, Instant::now()));
        }
    }

    /// The caller gets these, with the code of a call of gRPC among them if it is known by now.
    pub fn note_code(&mut self, headers: &HeaderMap) {
        if let Some(traced) = &mut self.traced {
            traced.code = traced.code.or_else(|| GrpcCode::of(headers));
        }
    }

    /// Hands the spans of a traced call on.
    pub(super) fn finish_trace(&mut self, took: Duration, outcome: Outcome) {
        let Some(traced) = self.traced.take() else { return };
        let Some(tracer) = &self.observer.tracer else { return };
        tracer.finish(spans::of(self, &traced, took, outcome));
    }
}
