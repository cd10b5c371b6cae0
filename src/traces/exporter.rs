//! The task that exports: takes finished calls from the queue, a batch at a time, and posts them to the collector. While
//! the collector does not take a batch, that one waits and the queue fills; calls never do.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::span::{Attribute, Span};
use super::{Settings, Spans, headers_file, otlp};
use crate::metrics::{SpanResult, TraceMetrics};
use crate::shutdown::{self, Stop, Stopping};
use crate::transport::{Answer, Collector, Transport};

/// The calls of one batch at most; it is exported when it has so many, or after this time.
const MOST_CALLS: usize = 512;
const GATHER_FOR: Duration = Duration::from_secs(1);
/// Longest wait for the collector's answer.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two tries of a batch; doubled from one to the next.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A batch that the collector has not taken for so long is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);
/// What a process that stops still waits for.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// The running task.
pub struct Exporter {
    task: JoinHandle<()>,
    stop: Stop,
}

impl Exporter {
    /// Starts to export what comes through the queue. Must be called within a tokio runtime, on which it then runs.
    pub fn start(settings: &Settings, queue: Spans, transport: &Transport, metrics: TraceMetrics) -> Self {
        let (stop, stopping) = shutdown::channel();
        let path = settings.endpoint.path_of("/v1/traces");
        let worker = Worker {
            queue,
            collector: transport.collector(settings.endpoint.clone(), EXPORT_TIMEOUT),
            uri: path.parse().expect("it was parsed with the address"),
            headers_file: settings.headers_file.clone(),
            resource: resource(&settings.service_name),
            metrics,
            stopping,
        };
        Self { task: tokio::spawn(worker.run()), stop }
    }

    /// Exports what is left, as far as a few seconds allow.
    pub async fn finish(mut self) {
        self.stop.ask();
        if timeout(FLUSH_TIMEOUT, &mut self.task).await.is_err() {
            tracing::warn!("the collector did not take the last traces in time");
            self.task.abort();
        }
    }
}

/// What every span of this process has in common.
fn resource(service_name: &str) -> Vec<Attribute> {
    let instance = getrandom::u64().expect("the operating system's random source works");
    vec![
        ("service.name", service_name.to_owned().into()),
        ("service.version", env!("CARGO_PKG_VERSION").into()),
        ("service.instance.id", format!("{instance:016x}").into()),
    ]
}

struct Worker {
    queue: Spans,
    collector: Collector,
    uri: Uri,
    headers_file: Option<PathBuf>,
    resource: Vec<Attribute>,
    metrics: TraceMetrics,
    stopping: Stopping,
}

/// What the collector made of a batch.
enum Outcome {
    /// It has all but so many spans.
    Taken { but: usize },
    /// It never will take it.
    Refused(String),
    /// It may take it later.
    Again { why: String, after: Duration },
}

impl Worker {
    async fn run(mut self) {
        while let Some(batch) = self.gather().await {
            self.export(batch.into_iter().flatten().collect()).await;
        }
    }

    /// The next batch; `None` when there is none and the process stops.
    async fn gather(&mut self) -> Option<Vec<Vec<Span>>> {
        let mut batch = Vec::new();
        tokio::select! {
            _ = self.queue.recv_many(&mut batch, MOST_CALLS) => {}
            () = self.stopping.asked() => {}
        }
        let mut waited = std::pin::pin!(sleep(GATHER_FOR));
        while batch.len() < MOST_CALLS && !self.stopping.is_asked() {
            let room = MOST_CALLS - batch.len();
            tokio::select! {
                received = self.queue.recv_many(&mut batch, room) => if received == 0 { break },
                () = &mut waited => break,
                () = self.stopping.asked() => {}
            }
        }
        while batch.len() < MOST_CALLS
            && let Ok(spans) = self.queue.try_recv()
        {
            batch.push(spans);
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// Exports a batch, or gives it up.
    async fn export(&mut self, spans: Vec<Span>) {
        let count = spans.len();
        let body = Bytes::from(otlp::export(&self.resource, spans));
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let is_last = self.stopping.is_asked();
            let (why, wait) = match self.post(body.clone()).await {
                Outcome::Taken { but } => {
                    let refused = but.min(count);
                    self.metrics.count(SpanResult::Exported, count - refused);
                    return self.metrics.count(SpanResult::Refused, refused);
                }
                Outcome::Refused(why) => {
                    tracing::warn!(why, "the collector refuses traces");
                    return self.metrics.count(SpanResult::Refused, count);
                }
                Outcome::Again { why, after } => (why, after.max(pause)),
            };
            if is_last || began.elapsed().saturating_add(wait) > GIVEN_UP_AFTER {
                tracing::warn!(why, "the collector does not take traces; some are given up");
                return self.metrics.count(SpanResult::Lost, count);
            }
            tracing::debug!(why, "the collector does not take traces; they are sent again");
            pause = (pause * 2).min(LONGEST_PAUSE);
            tokio::select! {
                () = sleep(wait) => {}
                () = self.stopping.asked() => {}
            }
        }
    }

    async fn post(&mut self, body: Bytes) -> Outcome {
        let soon = |why: String| Outcome::Again { why, after: Duration::ZERO };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        match self.headers_file.as_deref().map(headers_file::read).transpose() {
            Ok(headers) => *request.headers_mut() = headers.unwrap_or_default(),
            Err(error) => return soon(format!("traces.headers_file {error}")),
        }
        request.headers_mut().insert(CONTENT_TYPE, PROTOBUF);
        match self.collector.send(request).await {
            Ok(answer) => judge(&answer),
            Err(error) => soon(error.to_string()),
        }
    }
}

/// Which answers mean that the same may be sent again is said by the protocol's specification.
fn judge(answer: &Answer) -> Outcome {
    let why = format!("it answered {}", answer.status);
    match answer.status {
        status if status.is_success() => Outcome::Taken { but: otlp::refused(&answer.body) },
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Outcome::Again { why, after: retry_after(&answer.headers) },
        _ => Outcome::Refused(why),
    }
}

fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map_or(Duration::ZERO, Duration::from_secs)
}
