//! A call in its trace: the span of the call, one below it for each sending to the org, and one for each wait for another
//! session between two of them. With traces off, a call has none of it.

use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response, StatusCode};

use super::ids::org_request;
use super::{MethodLabel, Observation, Outcome, Replay, family_label};
use crate::connection::Generation;
use crate::proxy::OverTls;
use crate::proxy::error::{Code, ProxyError};
use crate::salesforce::hosts::Origin;
use crate::salesforce::path_template;
use crate::traces::Joined;
use crate::traces::context::TraceContext;
use crate::traces::span::{Kind, Span, Value};

/// What is kept of a traced call until it ends.
pub(super) struct Traced {
    joined: Joined,
    scheme: &'static str,
    sendings: Vec<Sending>,
}

/// One sending to the org.
struct Sending {
    context: TraceContext,
    generation: Generation,
    host: String,
    port: u16,
    began: Instant,
    answer: Option<Answer>,
}

/// What came of a sending.
struct Answer {
    at: Instant,
    result: Result<StatusCode, Code>,
    org_request: Option<HeaderValue>,
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
        self.traced = Some(Box::new(Traced { joined, scheme, sendings: Vec::new() }));
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

    /// Hands the spans of a traced call on.
    pub(super) fn finish_trace(&mut self, took: Duration, outcome: Outcome) {
        let Some(traced) = self.traced.take() else { return };
        let Some(tracer) = &self.observer.tracer else { return };
        let path: String = path_template::segments(self.uri.path()).flat_map(|segment| ["/", segment]).collect();
        let call =
            Call { seen: self, traced: &traced, path: if path.is_empty() { "/".to_owned() } else { path }, took };
        let mut spans = vec![call.span(outcome)];
        for (number, sending) in traced.sendings.iter().enumerate() {
            spans.push(call.sending(number, sending));
            spans.extend(call.wait(sending, traced.sendings.get(number + 1)));
        }
        tracer.finish(spans);
    }
}

/// A call that has ended.
struct Call<'a> {
    seen: &'a Observation,
    traced: &'a Traced,
    path: String,
    took: Duration,
}

impl Call<'_> {
    /// A part of the call that began and ended so long after the call did.
    fn part(&self, context: TraceContext, kind: Kind, name: String, began: Duration, ended: Duration) -> Span {
        let Joined { context: call, began: start, .. } = self.traced.joined;
        Span {
            context,
            parent: Some(call.span),
            is_parent_remote: false,
            kind,
            name,
            began: start + began,
            ended: start + ended,
            attributes: Vec::new(),
            failed: false,
        }
    }

    fn since_begin(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.seen.started)
    }

    fn method(&self) -> &'static str {
        match self.seen.method {
            MethodLabel::Other => "_OTHER",
            known => known.as_str(),
        }
    }

    fn name(&self) -> String {
        let method = self.method();
        format!("{} {}", if method == "_OTHER" { "HTTP" } else { method }, self.path)
    }

    /// The span of the whole call.
    fn span(&self, outcome: Outcome) -> Span {
        let (seen, Joined { context, parent, .. }) = (self.seen, self.traced.joined);
        let mut span = self.part(context, Kind::Server, self.name(), Duration::ZERO, self.took);
        (span.parent, span.is_parent_remote) = (parent, parent.is_some());
        span.say("http.request.method", self.method());
        span.say("http.route", self.path.clone());
        span.say("url.scheme", self.traced.scheme);
        span.say("http.response.status_code", seen.status.as_u16());
        span.say("orgpass.request_id", seen.id.as_str().to_owned());
        if let Some(key) = seen.key() {
            span.say("orgpass.tenant", key.tenant().to_owned());
            if let Some(user) = key.user() {
                span.say("orgpass.user", user.to_owned());
            }
        }
        span.say("orgpass.api", family_label(seen.family));
        span.say("orgpass.outcome", outcome.as_str());
        if let Some(replay) = seen.replay {
            span.say("orgpass.replay", replay.as_str());
        }
        if let Some(error) = seen.error {
            span.say("orgpass.error", error.as_str());
        }
        let broke = outcome == Outcome::OrgFailed;
        // By the conventions, what is the caller's own fault is no failure of the server.
        span.failed = broke || seen.status.is_server_error();
        if span.failed {
            let error = seen.error.map(Code::as_str).or(broke.then_some(outcome.as_str()));
            span.say("error.type", error.map_or_else(|| seen.status.as_str().to_owned().into(), Value::from));
        }
        span
    }

    /// The span of one sending. Whoever goes away before the answer is there leaves one that lasts as long as the call.
    fn sending(&self, number: usize, sending: &Sending) -> Span {
        let ended = sending.answer.as_ref().map_or(self.took, |answer| self.since_begin(answer.at));
        let began = self.since_begin(sending.began);
        let mut span = self.part(sending.context, Kind::Client, self.name(), began, ended);
        span.say("http.request.method", self.method());
        span.say("url.template", self.path.clone());
        span.say("server.address", sending.host.clone());
        span.say("server.port", sending.port);
        if let Ok(resent @ 1..) = u16::try_from(number) {
            span.say("http.request.resend_count", resent);
        }
        span.say("orgpass.generation", sending.generation.to_string());
        if let Some(id) = sending.answer.as_ref().and_then(|answer| answer.org_request.as_ref()?.to_str().ok()) {
            span.say("salesforce.request_id", id.to_owned());
        }
        let error: Option<Value> = match sending.answer.as_ref().map(|answer| answer.result) {
            Some(Ok(status)) => {
                span.say("http.response.status_code", status.as_u16());
                (status.as_u16() >= 400).then(|| status.as_str().to_owned().into())
            }
            Some(Err(code)) => Some(code.as_str().into()),
            None => Some("abandoned".into()),
        };
        span.failed = error.is_some();
        if let Some(error) = error {
            span.say("error.type", error);
        }
        span
    }

    /// Between two sendings a call waits for the session that the next one goes with.
    fn wait(&self, sending: &Sending, next: Option<&Sending>) -> Option<Span> {
        let began = self.since_begin(sending.answer.as_ref()?.at);
        let failed = next.is_none() && self.seen.replay == Some(Replay::NoToken);
        let ended = match next {
            Some(next) => self.since_begin(next.began),
            None if failed => self.took,
            None => return None,
        };
        let context = sending.context.child();
        let mut span = self.part(context, Kind::Internal, "wait for the next session".to_owned(), began, ended);
        span.failed = failed;
        if let Some(error) = self.seen.error.filter(|_| failed) {
            span.say("error.type", error.as_str());
        }
        Some(span)
    }
}
