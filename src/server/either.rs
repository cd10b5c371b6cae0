//! The beginning of a connection to a port that takes TLS beside plain HTTP.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::http::{serve, serve_http2};
use super::tls::{HTTP2, Tls};
use crate::proxy::Proxy;
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
        Some(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(HTTP2) => {
            serve_http2(stream, true, proxy, stopping).await;
        }
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
