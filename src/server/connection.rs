//! One caller's connection, from its first byte to its end.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::tls::Tls;
use crate::proxy::{OverTls, Proxy};
use crate::shutdown::Stopping;

/// The first byte of every TLS connection: a record with a handshake in it. No method of HTTP begins with it.
const TLS_HANDSHAKE: u8 = 0x16;
/// Longest wait for a TLS handshake, which takes a caller on the same machine milliseconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a connection to a port that takes TLS and plain HTTP: its first byte tells which.
pub(super) async fn serve_either(stream: TcpStream, tls: Arc<Tls>, proxy: Arc<Proxy>, stopping: Stopping) {
    let mut first = [0];
    let looked = unless_asked(timeout(proxy.settings.idle_timeout, stream.peek(&mut first)), &stopping).await;
    match looked {
        Some(Ok(Ok(1))) if first[0] == TLS_HANDSHAKE => {}
        Some(Ok(Ok(1))) => return serve(stream, false, proxy, stopping).await,
        // It ended, or said nothing for as long as it may, or is not wanted any more.
        _ => return,
    }
    match unless_asked(handshake(stream, &tls), &stopping).await {
        Some(Ok(stream)) => serve(stream, true, proxy, stopping).await,
        Some(Err(error)) => tracing::debug!(%error, "a caller's TLS handshake failed"),
        None => {}
    }
}

async fn handshake(stream: TcpStream, tls: &Tls) -> io::Result<TlsStream<TcpStream>> {
    let accepting = TlsAcceptor::from(tls.config()).accept(stream);
    timeout(HANDSHAKE_TIMEOUT, accepting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// What comes of `beginning`, unless the process is asked to stop before: nothing of a call is lost by then.
async fn unless_asked<T>(beginning: impl Future<Output = T>, stopping: &Stopping) -> Option<T> {
    let mut hears = stopping.clone();
    tokio::select! {
        begun = beginning => Some(begun),
        () = hears.asked() => None,
    }
}

/// Serves one caller's connection until it ends; asked to stop, it finishes the call under way.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    over_tls: bool,
    proxy: Arc<Proxy>,
    stopping: Stopping,
) {
    let idle_timeout = proxy.settings.idle_timeout;
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        if over_tls {
            request.extensions_mut().insert(OverTls);
        }
        // Boxed, since it is moved several times on its way into the connection.
        let answer = Box::pin(Arc::clone(&proxy).handle(request));
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    let mut hears = stopping.clone();
    let mut asked = std::pin::pin!(hears.asked());
    let (mut listens, mut drains) = (false, false);
    let served = poll_fn(|cx| {
        let served = connection.as_mut().poll(cx);
        // Polled once, so that it wakes this task when the time comes; after that a look at the flag is enough.
        let looks = served.is_pending() && !drains && (!listens || stopping.is_asked());
        listens = true;
        if looks && asked.as_mut().poll(cx).is_ready() {
            drains = true;
            connection.as_mut().graceful_shutdown();
            return connection.as_mut().poll(cx);
        }
        served
    })
    .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a caller's connection ended early");
    }
}
