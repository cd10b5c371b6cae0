//! Step 1, observe: names the call, and when the last byte of its response has left or the caller is gone, counts it,
//! writes its line and gives its permit back.

mod ids;
mod labels;
mod trace;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use prometheus::{Histogram, IntCounter};

use self::ids::{Ids, RequestId, org_request};
pub use self::labels::Replay;
use self::labels::{MethodLabel, Outcome, family_label};
use self::trace::Traced;
use super::admit::Permit;
use super::error::Code;
use super::identify::Identity;
use crate::access_log::{LogBuffer, key};
use crate::connection::{Generation, KeyRef};
use crate::metrics::RequestMetrics;
use crate::salesforce::{ApiFamily, path_template};
use crate::traces::Tracer;

/// What one worker counts and logs with. Metric handles are resolved once and kept.
pub struct Observer {
    metrics: RequestMetrics,
    counters: Mutex<HashMap<Labels, IntCounter, foldhash::fast::RandomState>>,
    request_duration: [Histogram; FAMILIES + 1],
    upstream_duration: [Histogram; FAMILIES + 1],
    log: Option<LogBuffer>,
    tracer: Option<Arc<Tracer>>,
    ids: Ids,
}

const FAMILIES: usize = ApiFamily::ALL.len();

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Labels {
    family: Option<ApiFamily>,
    method: MethodLabel,
    status: u16,
    outcome: Outcome,
}

/// How a response body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its last byte was taken.
    Complete,
    /// The org's side broke off.
    OrgFailed,
}

/// One call under observation. Its drop is the end of the call.
pub struct Observation {
    observer: Arc<Observer>,
    id: RequestId,
    started: Instant,
    method: MethodLabel,
    /// As it came; it shares the request's memory.
    uri: Uri,
    family: Option<ApiFamily>,
    /// Of the session that was sent last.
    generation: Option<Generation>,
    /// What the org calls the request.
    org_request: Option<HeaderValue>,
    status: StatusCode,
    error: Option<Code>,
    replay: Option<Replay>,
    upstream: Duration,
    sent: u64,
    end: Option<End>,
    identity: Option<Identity>,
    permit: Option<Permit>,
    /// If it is part of a sampled trace.
    traced: Option<Box<Traced>>,
}

impl Observer {
    /// An observer for one worker, with its buffer of the access log and the tracer if there are any.
    pub fn new(metrics: &RequestMetrics, log: Option<LogBuffer>, tracer: Option<Arc<Tracer>>) -> Self {
        let per_family = |histograms: &prometheus::HistogramVec| {
            std::array::from_fn(|index| {
                histograms.with_label_values(&[family_label(ApiFamily::ALL.get(index).copied())])
            })
        };
        Self {
            request_duration: per_family(&metrics.request_duration),
            upstream_duration: per_family(&metrics.upstream_duration),
            metrics: metrics.clone(),
            counters: Mutex::default(),
            log,
            tracer,
            ids: Ids::new(),
        }
    }

    /// Begins to observe a call.
    pub fn begin(self: &Arc<Self>, method: &Method, uri: &Uri) -> Box<Observation> {
        self.metrics.in_flight.inc();
        Box::new(Observation {
            id: self.ids.next(),
            observer: Arc::clone(self),
            started: Instant::now(),
            method: MethodLabel::of(method),
            uri: uri.clone(),
            family: None,
            generation: None,
            org_request: None,
            status: StatusCode::OK,
            error: None,
            replay: None,
            upstream: Duration::ZERO,
            sent: 0,
            end: None,
            identity: None,
            permit: None,
            traced: None,
        })
    }

    fn count(&self, labels: Labels) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let resolve = || {
            let status = labels.status.to_string();
            let values =
                [family_label(labels.family), labels.method.as_str(), status.as_str(), labels.outcome.as_str()];
            self.metrics.requests.with_label_values(&values)
        };
        counters.entry(labels).or_insert_with(resolve).inc();
    }
}

impl Observation {
    /// The call's name in the log, as a header value.
    pub fn id(&self) -> HeaderValue {
        HeaderValue::from_str(self.id.as_str()).expect("hex digits are a header value")
    }

    /// The API family, once it is known.
    pub fn set_family(&mut self, family: ApiFamily) {
        self.family = Some(family);
    }

    /// The connection, once it is known.
    pub fn set_identity(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    /// The connection, if it is known.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Keeps the permit until the call ends.
    pub fn hold(&mut self, permit: Permit) {
        self.permit = Some(permit);
    }

    /// What came of a dead session.
    pub fn set_replay(&mut self, replay: Replay) {
        self.replay = Some(replay);
        self.observer.metrics.replays.with_label_values(&[replay.as_str()]).inc();
    }

    /// What came of a dead session, if there was one.
    pub fn replay(&self) -> Option<Replay> {
        self.replay
    }

    /// The org has answered with these headers.
    pub fn note_org_answer(&mut self, headers: &HeaderMap) {
        self.org_request = org_request(headers);
    }

    /// The answer's head is decided.
    pub fn set_answer(&mut self, status: StatusCode, error: Option<Code>) {
        self.status = status;
        self.error = error;
    }

    /// The answer has begun and could not be finished.
    pub fn set_error(&mut self, error: Code) {
        self.error = Some(error);
    }

    /// Counts bytes that went to the caller.
    pub fn add_sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// The response body has ended.
    pub fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    fn outcome(&self) -> Outcome {
        match (self.end, self.error, self.replay) {
            (None, _, _) => Outcome::CallerGone,
            (Some(End::OrgFailed), _, _) => Outcome::OrgFailed,
            (Some(End::Complete), Some(_), _) => Outcome::Refused,
            (Some(End::Complete), None, Some(Replay::Done)) => Outcome::Replayed,
            (Some(End::Complete), None, _) => Outcome::Relayed,
        }
    }

    /// The connection: as its slot knows it, which costs nothing, or else as the request named it.
    fn key(&self) -> Option<KeyRef<'_>> {
        let slot = self.permit.as_ref().and_then(Permit::slot);
        slot.map(|slot| slot.key.as_ref()).or_else(|| self.identity.as_ref().map(Identity::key))
    }

    fn write_line(&self, took: Duration, outcome: Outcome) {
        let Some(mut line) = self.observer.log.as_ref().and_then(LogBuffer::line) else { return };
        line.word(key!("id"), self.id.as_str());
        if let Some(traced) = &self.traced {
            line.plain(key!("trace"), traced.id());
        }
        if let Some(key) = self.key() {
            line.text(key!("tenant"), key.tenant());
            if let Some(user) = key.user() {
                line.text(key!("user"), user);
            }
        }
        line.word(key!("api"), family_label(self.family));
        line.word(key!("method"), self.method.as_str());
        line.path(key!("path"), path_template::segments(self.uri.path()));
        line.number(key!("status"), u64::from(self.status.as_u16()));
        line.word(key!("outcome"), outcome.as_str());
        if let Some(error) = self.error {
            line.word(key!("error"), error.as_str());
        }
        if let Some(replay) = self.replay {
            line.word(key!("replay"), replay.as_str());
        }
        if let Some(generation) = self.generation {
            line.plain(key!("generation"), generation);
        }
        if let Some(id) = self.org_request.as_ref().and_then(|id| id.to_str().ok()) {
            line.word(key!("org_request"), id);
        }
        line.number(key!("bytes"), self.sent);
        line.millis(key!("ms"), took);
        line.millis(key!("upstream_ms"), self.upstream);
        line.end();
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        let outcome = self.outcome();
        let observer = &self.observer;
        let index = self.family.map_or(FAMILIES, |family| family as usize);
        observer.metrics.in_flight.dec();
        observer.request_duration[index].observe(took.as_secs_f64());
        if !self.upstream.is_zero() {
            observer.upstream_duration[index].observe(self.upstream.as_secs_f64());
        }
        let labels = Labels { family: self.family, method: self.method, status: self.status.as_u16(), outcome };
        observer.count(labels);
        self.write_line(took, outcome);
        self.finish_trace(took, outcome);
    }
}
