//! HTTP on a caller's connection: 1.1 for nearly everybody, 2 for callers of gRPC. Who begins with the preface of
//! HTTP/2 is found out by the parser of HTTP/1.1, so that nobody else pays for the question.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Incoming};
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};

use super::calls::Calls;
use super::rewound::Rewound;
use crate::proxy::body::Body;
use crate::proxy::{OverTls, Proxy};
use crate::shutdown::Stopping;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What every connection of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What one stream may send before it is read, and what all of a connection may: so much more that none waits for
/// another.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// The calls that one connection may carry at a time.
const MOST_STREAMS: u32 = 1024;
const MOST_HEADER_BYTES: u32 = 64 * 1024;
/// How long a caller may take to read its last answer.
const LINGER: Duration = Duration::from_secs(2);
/// How long a caller may take to answer that a connection is to end; what begins in between is served.
const GOODBYE: Duration = Duration::from_secs(5);

/// Serves one caller's connection until it ends; asked to stop, it finishes the calls under way.
pub(super) async fn serve<S>(stream: S, over_tls: bool, proxy: Arc<Proxy>, stopping: Stopping)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(proxy.settings.idle_timeout)
        .serve_connection(TokioIo::new(stream), service(Arc::clone(&proxy), over_tls));
    let ended = to_its_end(Pin::new(&mut connection), &stopping).await;
    let parts = connection.into_parts();
    let stream = parts.io.into_inner();
    match ended {
        Ok(()) => linger(stream, stopping).await,
        Err(error) if error.is_parse() && parts.read_buf.starts_with(PREFACE) => {
            serve_http2(Rewound::new(parts.read_buf, stream), over_tls, proxy, stopping).await;
        }
        Err(error) => {
            tracing::debug!(%error, "a caller's connection ended early");
            // What cannot be parsed was answered, and the caller's side is closed. After anything else, such as a
            // silence that was too long, it is still open, and a call that begins now must not be swallowed.
            if error.is_parse() {
                linger(stream, stopping).await;
            }
        }
    }
}

/// Listens on for a moment to a caller that has its last answer: closed with something unread, the connection would be
/// reset, and the answer lost with it (RFC 9112, section 9.6).
async fn linger(mut stream: impl AsyncRead + Unpin, mut stopping: Stopping) {
    let mut nowhere = tokio::io::sink();
    let rest = tokio::time::timeout(LINGER, tokio::io::copy(&mut stream, &mut nowhere));
    tokio::select! {
        // However it ends, there is nobody to tell.
        _ = rest => {}
        () = stopping.asked() => {}
    }
}

/// Serves one caller's connection of HTTP/2 until it ends, carries no call for too long, or is asked to stop.
pub(super) async fn serve_http2<S>(stream: S, over_tls: bool, proxy: Arc<Proxy>, stopping: Stopping)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (calls, idle_timeout) = (Calls::new(), proxy.settings.idle_timeout);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(MOST_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), counted(proxy, over_tls, calls.clone()));
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = to_its_end(connection.as_mut(), &stopping) => served,
        () = calls.none_for(idle_timeout) => {
            connection.as_mut().begin_end();
            tokio::select! {
                served = connection => served,
                // Nobody is there any more.
                () = calls.none_for(GOODBYE) => Ok(()),
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a caller's connection ended early");
    }
}

fn service(
    proxy: Arc<Proxy>,
    over_tls: bool,
) -> impl HttpService<Incoming, ResBody = Body, Error = Infallible, Future: Send + 'static> + Clone {
    TowerToHyperService::new(tower::service_fn(move |request| {
        let answer = answer(Arc::clone(&proxy), over_tls, request);
        async move { Ok(answer.await) }
    }))
}

/// As [`service`]; each call is among `calls` until its answer has gone or its caller is gone.
fn counted(
    proxy: Arc<Proxy>,
    over_tls: bool,
    calls: Calls,
) -> impl HttpService<
    Incoming,
    ResBody: HttpBody<Data: Send, Error: Into<Failure>> + Send + 'static,
    Error = Infallible,
    Future: Send + 'static,
> + Clone {
    TowerToHyperService::new(tower::service_fn(move |request| {
        let (call, answer) = (calls.begin(), answer(Arc::clone(&proxy), over_tls, request));
        async move {
            let counted = answer.await.map(|body| {
                body.map_frame(move |frame| {
                    let _lives = &call;
                    frame
                })
            });
            Ok::<_, Infallible>(counted)
        }
    }))
}

fn answer(
    proxy: Arc<Proxy>,
    over_tls: bool,
    mut request: Request<Incoming>,
) -> Pin<Box<impl Future<Output = Response<Body>> + Send>> {
    if over_tls {
        request.extensions_mut().insert(OverTls);
    }
    // Boxed, since it is moved several times on its way into the connection.
    Box::pin(proxy.handle(request))
}

/// A connection that can be asked to take no more calls.
trait Connection: Future<Output = hyper::Result<()>> {
    fn begin_end(self: Pin<&mut Self>);
}

impl<I: Read + Write + Unpin + 'static, S> Connection for http1::Connection<I, S>
where
    S: HttpService<Incoming, ResBody = Body, Error = Infallible>,
{
    fn begin_end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I: Read + Write + Unpin + 'static, S, B> Connection for http2::Connection<I, S, TokioExecutor>
where
    S: HttpService<Incoming, ResBody = B, Error = Infallible, Future: Send + 'static>,
    B: HttpBody<Data: Send, Error: Into<Failure>> + Send + 'static,
{
    fn begin_end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

async fn to_its_end<C: Connection>(mut connection: Pin<&mut C>, stopping: &Stopping) -> hyper::Result<()> {
    let mut hears = stopping.clone();
    let mut asked = std::pin::pin!(hears.asked());
    let (mut listens, mut drains) = (false, false);
    poll_fn(|cx| {
        let served = connection.as_mut().poll(cx);
        // Polled once, so that it wakes this task when the time comes; after that a look at the flag is enough.
        let looks = served.is_pending() && !drains && (!listens || stopping.is_asked());
        listens = true;
        if looks && asked.as_mut().poll(cx).is_ready() {
            drains = true;
            connection.as_mut().begin_end();
            return connection.as_mut().poll(cx);
        }
        served
    })
    .await
}
