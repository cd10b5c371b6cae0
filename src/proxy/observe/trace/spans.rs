//! The spans of a call that has ended.

use std::time::{Duration, Instant};

use super::{Sending, Traced, Waited};
use crate::proxy::error::Code;
use crate::proxy::grpc::GrpcCode;
use crate::proxy::observe::{End, MethodLabel, Observation, Outcome, Replay, family_label};
use crate::salesforce::{ApiFamily, path_template};
use crate::traces::Joined;
use crate::traces::context::TraceContext;
use crate::traces::span::{Kind, Links, Span, Value};

/// What the conventions call a method that is not known.
const OTHER: &str = "_OTHER";

/// The call's own span, and those below it.
pub(super) fn of(seen: &Observation, traced: &Traced, took: Duration, outcome: Outcome) -> Vec<Span> {
    let path: String = path_template::segments(seen.uri.path()).flat_map(|segment| ["/", segment]).collect();
    let path = if path.is_empty() { "/".to_owned() } else { path };
    let call = Call { seen, traced, path, took };
    let mut spans = vec![call.span(outcome)];
    spans.extend(call.first_wait());
    for (number, sending) in traced.sendings.iter().enumerate() {
        spans.push(call.sending(number, sending));
        spans.extend(call.wait(number, sending));
    }
    spans
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
            links: Links::default(),
            failed: false,
        }
    }

    fn since_begin(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.seen.started)
    }

    fn method(&self) -> &'static str {
        match self.seen.method {
            MethodLabel::Other => OTHER,
            known => known.as_str(),
        }
    }

    fn is_grpc(&self) -> bool {
        self.seen.family == Some(ApiFamily::PubSub)
    }

    /// The method of a call of gRPC. Of one that is not known the path's template has only places.
    fn rpc_method(&self) -> &str {
        if self.path.contains('{') { OTHER } else { self.path.trim_start_matches('/') }
    }

    fn name(&self) -> String {
        if self.is_grpc() {
            let method = self.rpc_method();
            return if method == OTHER { "grpc" } else { method }.to_owned();
        }
        let method = self.method();
        format!("{} {}", if method == OTHER { "HTTP" } else { method }, self.path)
    }

    /// What a call of gRPC has beside what every call has.
    fn say_rpc(&self, span: &mut Span, code: Option<GrpcCode>) {
        span.say("rpc.system.name", "grpc");
        span.say("rpc.method", self.rpc_method().to_owned());
        if let Some(code) = code {
            span.say("rpc.response.status_code", code.as_str());
        }
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
        // A caller that is gone has ended the call itself.
        let code = self.traced.code.unwrap_or(GrpcCode::CANCELLED);
        if self.is_grpc() {
            self.say_rpc(&mut span, Some(code));
        }
        let broke = outcome == Outcome::OrgFailed;
        // By the conventions, what is the caller's own fault is no failure of the server.
        let is_fault = if self.is_grpc() { code.is_fault_of_server() } else { seen.status.is_server_error() };
        span.failed = broke || is_fault;
        if span.failed {
            let error = seen.error.map(Code::as_str).or(broke.then_some(outcome.as_str()));
            let status = || if self.is_grpc() { code.as_str().into() } else { seen.status.as_str().to_owned().into() };
            span.say("error.type", error.map_or_else(status, Value::from));
        }
        span
    }

    /// The span of one sending. Whoever goes away before the answer is there leaves one that lasts as long as the call.
    fn sending(&self, number: usize, sending: &Sending) -> Span {
        let answered = sending.code.map(|(_, at)| at).or(sending.answer.as_ref().map(|answer| answer.at));
        // A stream of gRPC lasts until its status is there, or it breaks off.
        let is_cut = self.is_grpc() && sending.code.is_none() && number + 1 == self.traced.sendings.len();
        let ended = answered.filter(|_| !is_cut).map_or(self.took, |at| self.since_begin(at));
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
        if let Some(Ok(status)) = sending.answer.as_ref().map(|answer| answer.result) {
            span.say("http.response.status_code", status.as_u16());
        }
        if self.is_grpc() {
            self.say_rpc(&mut span, sending.code.map(|(code, _)| code));
        }
        let error = self.error_of(sending);
        span.failed = error.is_some();
        if let Some(error) = error {
            span.say("error.type", error);
        }
        span
    }

    fn error_of(&self, sending: &Sending) -> Option<Value> {
        match (sending.answer.as_ref().map(|answer| answer.result), sending.code) {
            (None, _) => Some("abandoned".into()),
            (Some(Err(code)), _) => Some(code.as_str().into()),
            (Some(Ok(_)), Some((code, _))) => code.is_error().then(|| code.as_str().into()),
            (Some(Ok(status)), None) if status.as_u16() >= 400 => Some(status.as_str().to_owned().into()),
            // Of a stream that has begun, only what broke off has failed: callers end streams by going away.
            (Some(Ok(_)), None) if self.is_grpc() && self.seen.end == Some(End::OrgFailed) => {
                Some(self.seen.error.map_or(Outcome::OrgFailed.as_str(), Code::as_str).into())
            }
            (Some(Ok(_)), None) => None,
        }
    }

    fn waited(&self, sendings: usize) -> Option<&Waited> {
        self.traced.waits.iter().find(|waited| waited.sendings == sendings)
    }

    /// Before the first sending a call may wait for an exchange that is under way. That it looks into memory or into the
    /// store is worth no span.
    fn first_wait(&self) -> Option<Span> {
        let waited = self.waited(0)?;
        let links = waited.wait.links();
        let context = waited.wait.context().filter(|_| !links.all().is_empty())?;
        Some(self.wait_span(context, self.since_begin(waited.began), self.traced.sendings.first(), links))
    }

    /// After a dead session a call waits for the next one, and is sent with it unless there is none, the caller goes away
    /// meanwhile, or it is told to begin anew.
    fn wait(&self, number: usize, sending: &Sending) -> Option<Span> {
        let began = self.since_begin(sending.answer.as_ref()?.at);
        let (waited, next) = (self.waited(number + 1), self.traced.sendings.get(number + 1));
        let joined = waited.and_then(|waited| waited.wait.context());
        if next.is_none() && joined.is_none() && self.seen.replay != Some(Replay::NoToken) {
            return None;
        }
        let links = waited.map(|waited| waited.wait.links()).unwrap_or_default();
        Some(self.wait_span(joined.unwrap_or_else(|| sending.context.child()), began, next, links))
    }

    fn wait_span(&self, context: TraceContext, began: Duration, next: Option<&Sending>, links: Links) -> Span {
        let ended = next.map_or(self.took, |next| self.since_begin(next.began));
        let mut span = self.part(context, Kind::Internal, "wait for the next session".to_owned(), began, ended);
        span.links = links;
        if let Some(error) = self.seen.error.filter(|_| next.is_none()) {
            span.failed = true;
            span.say("error.type", error.as_str());
        }
        span
    }
}
