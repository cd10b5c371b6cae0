//! An org's API host with its idle connections. A connection is leased for one request and comes back only when that
//! request's response was read to its end; in every other case it is closed.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;

use super::dial::{DialError, Stream};
use crate::salesforce::hosts::InstanceUrl;

/// What can go wrong with a streamed request body.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A request body on its way to an org.
pub enum RequestBody {
    /// No body.
    Empty,
    /// A body that is in memory as a whole.
    Whole(Full<Bytes>),
    /// A body that is produced while it is sent.
    Stream(Pin<Box<dyn Body<Data = Bytes, Error = BodyError> + Send>>),
}

/// Why a request got no response head.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nothing was sent; the request is given back for another connection.
    #[error("the connection was closed before anything was sent")]
    Unsent(Box<Request<RequestBody>>),
    /// Something may have been sent.
    #[error("the connection failed: {0}")]
    Failed(hyper::Error),
}

/// One API host and its idle connections, separate per worker.
pub struct Instance {
    url: InstanceUrl,
    host: HeaderValue,
    idle: Box<[Mutex<Vec<Idle>>]>,
    max_idle: usize,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

struct Connection {
    sender: SendRequest<RequestBody>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A connection for one request. Dropped, it is closed; [`Lease::give_back`] keeps it for the next request.
pub struct Lease {
    connection: Connection,
    instance: Arc<Instance>,
    worker: usize,
    reused: bool,
}

impl Instance {
    pub(super) fn new(url: InstanceUrl, workers: usize, max_idle: usize) -> Self {
        let host = HeaderValue::from_str(url.authority()).expect("a parsed host is a valid header value");
        Self { url, host, idle: (0..workers).map(|_| Mutex::default()).collect(), max_idle }
    }

    /// Where it is.
    pub fn url(&self) -> &InstanceUrl {
        &self.url
    }

    /// The value of the `Host` header for it.
    pub fn host(&self) -> &HeaderValue {
        &self.host
    }

    pub(super) fn take_idle(self: &Arc<Self>, worker: usize, idle_timeout: Duration) -> Option<Lease> {
        let mut idle = self.idle(worker);
        while let Some(Idle { connection, since }) = idle.pop() {
            if !connection.sender.is_closed() && since.elapsed() < idle_timeout {
                return Some(Lease { connection, instance: Arc::clone(self), worker, reused: true });
            }
        }
        None
    }

    pub(super) fn close_idle(&self, worker: usize, now: Instant, idle_timeout: Duration) {
        self.idle(worker).retain(|idle| {
            !idle.connection.sender.is_closed() && now.saturating_duration_since(idle.since) < idle_timeout
        });
    }

    fn idle(&self, worker: usize) -> MutexGuard<'_, Vec<Idle>> {
        // Every change is one push, pop or retain, so the list is valid after any panic.
        self.idle[worker].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn handshake(instance: &Arc<Instance>, worker: usize, stream: Stream) -> Result<Lease, DialError> {
    let (sender, connection) = http1::Builder::new().handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection).abort_handle();
    let connection = Connection { sender, driver };
    Ok(Lease { connection, instance: Arc::clone(instance), worker, reused: false })
}

impl Lease {
    /// Whether the connection has served a request before.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// Sends the request and waits for the head of its response. A request is given back only if none of it was sent.
    pub async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, SendError> {
        if self.connection.sender.ready().await.is_err() {
            return Err(SendError::Unsent(Box::new(request)));
        }
        self.connection.sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
            Some(request) => SendError::Unsent(Box::new(request)),
            None => SendError::Failed(error.into_error()),
        })
    }

    /// Keeps the connection for the next request. Call it only when the response has been read to its end.
    pub fn give_back(self) {
        let Self { connection, instance, worker, .. } = self;
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = instance.idle(worker);
        if idle.len() < instance.max_idle {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(body) => body.is_end_stream(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(body) => body.size_hint(),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

impl std::fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Whole(_) => "Whole",
            Self::Stream(_) => "Stream",
        })
    }
}
