//! An org's API host with its idle connections. A connection serves one request at a time and is kept only when that
//! request was sent and its response read to its end; in every other case it is closed.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::dial::{DialError, Stream};
use super::driver::Driver;
use super::{BodyError, RequestBody};
use crate::salesforce::hosts::Origin;

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
    url: Origin,
    host: HeaderValue,
    idle: Box<[Mutex<Vec<Idle>>]>,
    max_idle: usize,
}

struct Idle {
    link: Link,
    since: Instant,
}

/// One end for sending, and what drives the connection.
struct Link {
    sender: SendRequest<RequestBody>,
    driver: Driver,
}

/// A connection for one request. It belongs to the worker that it was taken or dialled by.
pub struct Connection {
    link: Link,
    home: Home,
    reused: bool,
}

/// Where a connection goes when it is idle.
struct Home {
    instance: Arc<Instance>,
    worker: usize,
}

/// A response body, with the connection that it comes over.
pub struct ResponseBody {
    incoming: Incoming,
    /// Whether all of it had come with the head, so that the connection need not be driven for the rest.
    is_here: bool,
    /// Whether its end was read. Of a chunked one nothing else tells.
    is_read: bool,
    connection: Option<(Link, Home)>,
}

impl Instance {
    pub(super) fn new(url: Origin, authority: &str, workers: usize, max_idle: usize) -> Self {
        let host = HeaderValue::from_str(authority).expect("a parsed host is a valid header value");
        Self { url, host, idle: (0..workers).map(|_| Mutex::default()).collect(), max_idle }
    }

    /// Where it is.
    pub fn url(&self) -> &Origin {
        &self.url
    }

    /// The value of the `Host` header for it.
    pub fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// The connection that was idle for the shortest time, so that the others can end. How long that was is looked at
    /// by [`Instance::close_idle`] only.
    pub(super) fn take_idle(self: &Arc<Self>, worker: usize) -> Option<Connection> {
        let mut idle = self.idle(worker);
        while let Some(Idle { mut link, .. }) = idle.pop() {
            if link.driver.has_stirred() {
                link.driver.notice();
            }
            if link.sender.is_ready() {
                return Some(Connection { link, home: Home { instance: Arc::clone(self), worker }, reused: true });
            }
        }
        None
    }

    pub(super) fn close_idle(&self, worker: usize, now: Instant, idle_timeout: Duration) {
        self.idle(worker)
            .retain_mut(|idle| idle.link.is_ready() && now.saturating_duration_since(idle.since) < idle_timeout);
    }

    fn idle(&self, worker: usize) -> MutexGuard<'_, Vec<Idle>> {
        // Every change is one push, pop or retain, so the list is valid after any panic.
        self.idle[worker].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// Whether the connection still lives and waits for a request.
    fn is_ready(&mut self) -> bool {
        self.driver.notice();
        self.sender.is_ready()
    }

    /// Keeps the connection for the next request. Of what happened to it since it was polled, if anything did, that
    /// request is told by being given back unsent.
    fn go_home(mut self, home: Home) {
        self.driver.rest();
        let mut idle = home.instance.idle(home.worker);
        if idle.len() < home.instance.max_idle {
            idle.push(Idle { link: self, since: Instant::now() });
        }
    }
}

impl Connection {
    pub(super) async fn handshake(instance: &Arc<Instance>, worker: usize, stream: Stream) -> Result<Self, DialError> {
        let (sender, connection) = http1::Builder::new().handshake(TokioIo::new(stream)).await?;
        let mut link = Link { sender, driver: Driver::new(connection) };
        // Only a connection that has been polled waits for a request.
        link.driver.notice();
        Ok(Self { link, home: Home { instance: Arc::clone(instance), worker }, reused: false })
    }

    /// Whether the connection has served a request before.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// Sends the request and waits for the head of its response. A request is given back only if none of it was sent.
    pub async fn send(mut self, request: Request<RequestBody>) -> Result<Response<ResponseBody>, SendError> {
        let Link { sender, driver } = &mut self.link;
        let mut answer = pin!(sender.try_send_request(request));
        let answer = poll_fn(|cx| driver.drive(cx, |cx| answer.as_mut().poll(cx))).await;
        let response = answer.map_err(|mut error| match error.take_message() {
            Some(request) => SendError::Unsent(Box::new(request)),
            None => SendError::Failed(error.into_error()),
        })?;
        Ok(response.map(|incoming| ResponseBody::new(incoming, self.link, self.home)))
    }
}

impl ResponseBody {
    fn new(incoming: Incoming, mut link: Link, home: Home) -> Self {
        let is_here = link.sender.is_ready();
        if is_here {
            // Or reading the body would ring for the connection, and have the task polled once more for nothing.
            link.driver.rest();
        }
        Self { incoming, is_here, is_read: false, connection: Some((link, home)) }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Self { incoming, is_here, is_read, connection } = self.get_mut();
        let mut next = |cx: &mut Context<'_>| Pin::new(&mut *incoming).poll_frame(cx);
        let polled = match connection {
            Some((link, _)) if !*is_here => link.driver.drive(cx, next),
            _ => next(cx),
        };
        *is_read |= match &polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers(),
            _ => false,
        };
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.is_read || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for ResponseBody {
    /// Keeps the connection if the response was read to its end; else closes it.
    fn drop(&mut self) {
        if let Some((mut link, home)) = self.connection.take()
            && self.is_end_stream()
            && (self.is_here || link.is_ready())
        {
            link.go_home(home);
        }
    }
}

#[cfg(test)]
mod tests;
