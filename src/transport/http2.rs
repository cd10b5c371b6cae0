//! The host of the Pub/Sub API with its connections: HTTP/2, shared by the calls of a worker, dialled again when they
//! end. A connection takes as many calls as the host allows; then there is another.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Mutex as Turn;

use super::dial::{self, DialError};
use super::trust::Trust;
use super::{BodyError, RequestBody, Settings};
use crate::salesforce::hosts::PubSubUrl;

/// What one stream may send before its caller reads. It bounds what a slow reader costs.
const STREAM_WINDOW: u32 = 256 * 1024;
/// All streams together are not bounded, or some slow readers would make all others wait.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// Asks a silent host whether it lives. Salesforce says something every 270 s; asking more often would be counted
/// against the caller by servers of gRPC.
const PING_AFTER: Duration = Duration::from_secs(300);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// The most calls on one connection that Salesforce's documentation allows.
const MOST_STREAMS: usize = 1000;

/// Why a call got no head of an answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Http2Error {
    /// No connection came about; nothing was sent.
    #[error(transparent)]
    Dial(#[from] Arc<DialError>),
    /// Something may have been sent.
    #[error("the connection failed: {0}")]
    Failed(Arc<hyper::Error>),
}

/// A host that speaks HTTP/2, and the connections to it, separate per worker.
pub struct Http2Host {
    url: PubSubUrl,
    trust: Arc<Trust>,
    settings: Settings,
    workers: Box<[Worker]>,
}

#[derive(Default)]
struct Worker {
    links: Mutex<Vec<Link>>,
    /// Whose turn it is to dial, and how the last dialling failed: who waited for it need not try again.
    dialling: Turn<Option<(Instant, Arc<DialError>)>>,
}

/// A connection. What drives it is a task of its own, since no call is the one that it serves.
struct Link {
    sender: SendRequest<RequestBody>,
    /// Counted by how many calls hold it.
    streams: Arc<()>,
    /// How many the host allows, as it said last.
    most: Arc<AtomicUsize>,
    used: Instant,
}

/// The body of an answer. While it lives, its call counts.
pub struct StreamBody {
    incoming: Incoming,
    _stream: Arc<()>,
}

impl Http2Host {
    pub(super) fn new(url: PubSubUrl, trust: Arc<Trust>, settings: Settings, workers: usize) -> Self {
        let workers = (0..workers).map(|_| Worker::default()).collect();
        Self { url, trust, settings, workers }
    }

    /// Where it is.
    pub fn url(&self) -> &PubSubUrl {
        &self.url
    }

    /// Sends a call of `worker` and waits for the head of its answer.
    pub async fn send(
        &self,
        worker: usize,
        mut request: Request<RequestBody>,
    ) -> Result<Response<StreamBody>, Http2Error> {
        loop {
            let (mut sender, stream) = self.connection(worker).await?;
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(response.map(|incoming| StreamBody { incoming, _stream: stream })),
                Err(mut error) => match error.take_message() {
                    // The connection had ended before anything was sent.
                    Some(unsent) => request = unsent,
                    None => return Err(Http2Error::Failed(Arc::new(error.into_error()))),
                },
            }
        }
    }

    /// Closes connections of `worker` that have been without a call for too long.
    pub(super) fn close_idle(&self, worker: usize, now: Instant) {
        let is_idle =
            |link: &Link| link.calls() == 0 && now.saturating_duration_since(link.used) >= self.settings.idle_timeout;
        self.links(worker).retain(|link| !is_idle(link));
    }

    async fn connection(&self, worker: usize) -> Result<(SendRequest<RequestBody>, Arc<()>), Arc<DialError>> {
        if let Some(free) = self.free(worker) {
            return Ok(free);
        }
        let began = Instant::now();
        let mut last = self.workers[worker].dialling.lock().await;
        if let Some(free) = self.free(worker) {
            return Ok(free);
        }
        if let Some((_, error)) = last.as_ref().filter(|(at, _)| *at >= began) {
            return Err(Arc::clone(error));
        }
        let link = self.dial().await.map_err(|error| {
            let error = Arc::new(error);
            *last = Some((Instant::now(), Arc::clone(&error)));
            error
        })?;
        let taken = link.take();
        self.links(worker).push(link);
        Ok(taken)
    }

    fn free(&self, worker: usize) -> Option<(SendRequest<RequestBody>, Arc<()>)> {
        let mut links = self.links(worker);
        links.retain(|link| !link.sender.is_closed());
        let link = links.iter_mut().find(|link| link.has_room())?;
        link.used = Instant::now();
        Some(link.take())
    }

    async fn dial(&self) -> Result<Link, DialError> {
        let url = &self.url;
        let through = self.settings.egress.of_call(url);
        let stream = dial::dial(url, through, self.trust.http2(), &self.settings).await?;
        stream.must_speak_http2()?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PING_TIMEOUT)
            .handshake(TokioIo::new(stream))
            .await?;
        let most = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
        let told = Arc::clone(&most);
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = poll_fn(|cx| {
                let polled = connection.as_mut().poll(cx);
                told.store(connection.current_max_send_streams(), Ordering::Relaxed);
                polled
            });
            if let Err(error) = ended.await {
                tracing::debug!(%error, "a connection to the Pub/Sub API ended");
            }
        });
        Ok(Link { sender, streams: Arc::new(()), most, used: Instant::now() })
    }

    fn links(&self, worker: usize) -> MutexGuard<'_, Vec<Link>> {
        // Every change is one push or retain, so the list is valid after any panic.
        self.workers[worker].links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    fn calls(&self) -> usize {
        Arc::strong_count(&self.streams) - 1
    }

    fn has_room(&self) -> bool {
        self.calls() < self.most.load(Ordering::Relaxed).clamp(1, MOST_STREAMS)
    }

    fn take(&self) -> (SendRequest<RequestBody>, Arc<()>) {
        (self.sender.clone(), Arc::clone(&self.streams))
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.get_mut().incoming).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
