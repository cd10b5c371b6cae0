//! Dialling: resolve, check the address, connect, and finish TLS. The address that was checked is the one dialled, so
//! that a name cannot answer twice. Through an egress proxy there is no address to check: the proxy resolves the name, and
//! TLS with the host itself says whether it is the one that was meant.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::egress::EgressProxy;
use super::tunnel::{self, EgressError, EgressFault};
use super::{Settings, tcp};
use crate::salesforce::hosts::{Origin, is_special_address};

/// Why no connection came about. Nothing of a request has been sent.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name does not resolve.
    #[error("the host's name does not resolve: {0}")]
    Name(io::Error),
    /// Every address of the name is private, loopback or otherwise special.
    #[error("the host resolves only to special-purpose addresses; see salesforce.allow_private_addresses")]
    SpecialAddress,
    /// No address accepts a connection.
    #[error("the connection failed: {0}")]
    Connect(io::Error),
    /// The egress proxy did not open the way.
    #[error(transparent)]
    Egress(#[from] Box<EgressError>),
    /// TLS failed.
    #[error("TLS failed: {0}")]
    Tls(io::Error),
    /// The host speaks something else than HTTP/2.
    #[error("the host does not speak HTTP/2")]
    NoHttp2,
    /// HTTP could not begin.
    #[error("HTTP failed: {0}")]
    Http(#[from] hyper::Error),
    /// It took too long.
    #[error("the connection was not ready in time")]
    TimedOut,
}

/// A connection to an org or login host.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<SingleWrites>>),
}

/// TCP's own question whether the other side lives, on connections that are silent for long.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(15);

impl Stream {
    /// Makes sure of HTTP/2, and has the connection watched: its streams may be silent for minutes. In the clear, the
    /// host is known to speak it.
    pub(super) fn must_speak_http2(&self) -> Result<(), DialError> {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) if tls.get_ref().1.alpn_protocol() == Some(b"h2") => &tls.get_ref().0.0,
            Self::Tls(_) => return Err(DialError::NoHttp2),
        };
        let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY);
        SockRef::from(tcp).set_tcp_keepalive(&probes).map_err(DialError::Connect)
    }
}

/// Connects to a host that has been parsed and allowed, through an egress proxy where there is one.
pub(super) async fn dial(
    to: &Origin,
    through: Option<&EgressProxy>,
    tls: Arc<ClientConfig>,
    settings: &Settings,
) -> Result<Stream, DialError> {
    let deadline = Instant::now() + settings.connect_timeout;
    let tcp = match through {
        None => timeout_at(deadline, directly(to, settings)).await.map_err(|_| DialError::TimedOut)??,
        Some(proxy) => {
            let opened = timeout_at(deadline, tunnel::open(proxy, to)).await.unwrap_or(Err(EgressFault::TimedOut));
            opened.map_err(|fault| Box::new(proxy.error(fault)))?
        }
    };
    if !to.is_https() {
        return Ok(Stream::Plain(tcp));
    }
    let name = ServerName::try_from(to.host().to_owned()).map_err(|error| DialError::Tls(io::Error::other(error)))?;
    let shaking_hands = TlsConnector::from(tls).connect(name, SingleWrites(tcp));
    let stream = timeout_at(deadline, shaking_hands).await.map_err(|_| DialError::TimedOut)?;
    Ok(Stream::Tls(Box::new(stream.map_err(DialError::Tls)?)))
}

async fn directly(to: &Origin, settings: &Settings) -> Result<TcpStream, DialError> {
    let resolved = tcp::resolve(to.host(), to.port()).await.map_err(DialError::Name)?;
    let is_allowed = |address: &SocketAddr| {
        settings.allow_private_addresses
            || settings.trusted_hosts.contains(to.host())
            || !is_special_address(address.ip())
    };
    let allowed: Vec<_> = resolved.iter().copied().filter(is_allowed).collect();
    if allowed.is_empty() && !resolved.is_empty() {
        return Err(DialError::SpecialAddress);
    }
    tcp::connect(&allowed).await.map_err(DialError::Connect)
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

/// Writes one slice with `send` and not `writev`, which costs the kernel more. TLS nearly always has one record to write.
#[derive(Debug)]
pub(super) struct SingleWrites(TcpStream);

impl AsyncRead for SingleWrites {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for SingleWrites {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.get_mut().0);
        match bufs {
            [one] => stream.poll_write(cx, one),
            _ => stream.poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
