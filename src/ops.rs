//! The operators' listener: is it alive, is it ready, has it started, and what does it count. Read-only.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::metrics::Metrics;
use crate::settings::Section;
use crate::shutdown::Stopping;
use crate::store::Store;
use crate::token::TokenSource;

/// How often the store is asked whether it answers.
const PING_EVERY: Duration = Duration::from_secs(2);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Settings of the operators' listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; in a pod `0.0.0.0:8181`.
    pub listen: SocketAddr,
}

impl Settings {
    /// Takes the keys of `[ops]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let settings = Self { listen: section.parsed_or("listen", SocketAddr::from(([127, 0, 0, 1], 8181))) };
        section.finish();
        settings
    }
}

/// What the operators' listener tells about.
pub struct Ops {
    metrics: Arc<Metrics>,
    tokens: TokenSource,
    store: Arc<dyn Store>,
    needs_hub: bool,
    hub_is_seen: AtomicBool,
    store_answers: AtomicBool,
    store_was_reached: AtomicBool,
    stopping: Stopping,
}

impl Ops {
    /// Tells about these parts. Whether a hub is there matters to a process that cannot exchange by itself.
    pub fn new(
        metrics: Arc<Metrics>,
        tokens: TokenSource,
        store: Arc<dyn Store>,
        needs_hub: bool,
        stopping: Stopping,
    ) -> Self {
        Self {
            metrics,
            tokens,
            store,
            needs_hub,
            hub_is_seen: AtomicBool::new(false),
            store_answers: AtomicBool::new(false),
            store_was_reached: AtomicBool::new(false),
            stopping,
        }
    }

    /// Serves until the process ends; also while it drains, so that it can say so.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        tokio::spawn(Arc::clone(&self).watch_store());
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection to the operators' port was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let ops = Arc::clone(&self);
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let response = ops.answer(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                // A probe that breaks off concerns nobody.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(REQUEST_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/livez" | "/startupz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready(),
            "/metrics" => {
                self.tokens.update_gauges();
                let mut response = text(StatusCode::OK, self.metrics.render());
                let form = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, form);
                response
            }
            _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz, /startupz and /metrics\n"),
        }
    }

    /// 200 while calls can be carried, if only some; 503 while draining or before the store was first reached.
    fn ready(&self) -> Response<Full<Bytes>> {
        let mut reasons = Vec::new();
        if self.stopping.is_asked() {
            reasons.push("draining");
        }
        if !self.store_answers.load(Ordering::Relaxed) {
            reasons.push("store_unavailable");
        }
        if self.needs_hub && !self.hub_is_seen.load(Ordering::Relaxed) {
            reasons.push("no_hub");
        }
        if self.metrics.keys.are_missing() {
            reasons.push("keys_missing");
        }
        let refuse = self.stopping.is_asked() || !self.store_was_reached.load(Ordering::Relaxed);
        let (status, word) = match (refuse, reasons.is_empty()) {
            (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            (false, false) => (StatusCode::OK, "degraded"),
            (false, true) => (StatusCode::OK, "ok"),
        };
        let mut response = text(status, serde_json::json!({ "status": word, "reasons": reasons }).to_string());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    async fn watch_store(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(PING_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let answers = self.store.ping().await.is_ok();
            if answers {
                self.store_was_reached.store(true, Ordering::Relaxed);
            }
            if self.store_answers.swap(answers, Ordering::Relaxed) != answers {
                if answers {
                    tracing::info!("the store answers");
                } else {
                    tracing::warn!("the store does not answer; what is in memory is served without it");
                }
            }
            if self.needs_hub {
                self.watch_hub().await;
            }
        }
    }

    async fn watch_hub(&self) {
        // While the store is away nobody can tell, and nothing can be asked for.
        let seen = self.store.has_hub().await.unwrap_or(false);
        if self.hub_is_seen.swap(seen, Ordering::Relaxed) != seen {
            if seen {
                tracing::info!("a hub is there");
            } else {
                tracing::warn!("no hub is there; what is in memory is served until its sessions end");
            }
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
