//! A tunnel: an egress proxy is asked by CONNECT for a connection to a host, which then carries what a direct one would.
//! The host's name is not resolved here. Before the proxy has said yes, nothing of a request is sent.

use std::io;

use bytes::Bytes;
use data_encoding::BASE64;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::egress::EgressProxy;
use super::{EgressUrl, tcp};
use crate::salesforce::hosts::Origin;
use crate::secret::SecretFileError;

/// Proxies answer with a line and a handful of headers.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Why an egress proxy opened no tunnel.
#[derive(Debug, thiserror::Error)]
#[error("the egress proxy {url} ({key}) {fault}")]
pub struct EgressError {
    url: EgressUrl,
    /// The key of the configuration that names it.
    key: String,
    /// What went wrong.
    pub fault: EgressFault,
}

/// What went wrong at an egress proxy.
#[derive(Debug, thiserror::Error)]
pub enum EgressFault {
    /// Its name does not resolve.
    #[error("has a name that does not resolve: {0}")]
    Name(io::Error),
    /// It takes no connection, or ended it.
    #[error("was not reached: {0}")]
    Connect(io::Error),
    /// Neither yes nor no in time.
    #[error("did not open the way in time")]
    TimedOut,
    /// Its credentials cannot be read here.
    #[error("wants credentials that cannot be used: {key}: {fault}")]
    CredentialsFile {
        /// The key at fault.
        key: String,
        /// What is wrong with the file. Nothing of its text.
        fault: CredentialsFault,
    },
    /// 407.
    #[error("refuses this process (407): mend {key}")]
    Credentials {
        /// The key at fault.
        key: String,
    },
    /// It answers, and does not let out.
    #[error("does not open the way to {to} ({status}): allow it there")]
    Refused {
        /// Host and port.
        to: String,
        /// Its answer.
        status: StatusCode,
    },
    /// It answers, and cannot reach the host.
    #[error("cannot reach {to} itself ({status})")]
    HostUnreached {
        /// Host and port.
        to: String,
        /// Its answer.
        status: StatusCode,
    },
    /// It answers otherwise than an HTTP proxy does.
    #[error("does not answer as an HTTP proxy does: {0}")]
    Http(#[from] hyper::Error),
    /// Something came before TLS began, where the other side does not speak first.
    #[error("sent something before TLS had begun")]
    TooEarly,
}

/// Why a file of credentials cannot be used. Never contains any of its text.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsFault {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// There is no colon in it.
    #[error("must hold one line USER:PASSWORD")]
    Form,
}

impl EgressProxy {
    /// What it is shown: user and password in the way of Basic.
    pub fn authorization(&self) -> Result<Option<HeaderValue>, CredentialsFault> {
        let Some(file) = &self.credentials else { return Ok(None) };
        let credentials = file.read()?;
        if !credentials.expose().contains(':') {
            return Err(CredentialsFault::Form);
        }
        let encoded = Zeroizing::new(BASE64.encode(credentials.expose().as_bytes()));
        let value = Zeroizing::new(format!("Basic {}", *encoded));
        let mut value = HeaderValue::from_str(&value).expect("base64 is a header's value");
        value.set_sensitive(true);
        Ok(Some(value))
    }

    pub(super) fn error(&self, fault: EgressFault) -> EgressError {
        EgressError { url: self.url.clone(), key: self.url_key(), fault }
    }
}

/// Opens a tunnel to a host.
pub(super) async fn open(through: &EgressProxy, to: &Origin) -> Result<TcpStream, EgressFault> {
    let authorization = through
        .authorization()
        .map_err(|fault| EgressFault::CredentialsFile { key: through.credentials_key(), fault })?;
    let addresses = tcp::resolve(through.url.host(), through.url.port()).await.map_err(EgressFault::Name)?;
    let stream = tcp::connect(&addresses).await.map_err(EgressFault::Connect)?;
    // Names only come here: what has an address in place of one is loopback.
    let to = format!("{}:{}", to.host(), to.port());
    let (status, stream) = ask(stream, request(&to, authorization)).await?;
    match (status, stream) {
        (_, Some(stream)) => Ok(stream),
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, _) => {
            Err(EgressFault::Credentials { key: through.credentials_key() })
        }
        (StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT, _) => {
            Err(EgressFault::HostUnreached { to, status })
        }
        _ => Err(EgressFault::Refused { to, status }),
    }
}

fn request(to: &str, authorization: Option<HeaderValue>) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = to.parse().expect("a parsed host and a port are an authority");
    let host = HeaderValue::from_str(to).expect("a parsed host is a valid header value");
    request.headers_mut().insert(HOST, host);
    if let Some(authorization) = authorization {
        request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
    }
    request
}

/// Sends the request; gives the answer's status, and after a success the connection, of which not a byte more was read.
async fn ask(
    stream: TcpStream,
    request: Request<Empty<Bytes>>,
) -> Result<(StatusCode, Option<TcpStream>), EgressFault> {
    let mut client = http1::Builder::new();
    let (mut sender, connection) = client.max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
    let mut connection = std::pin::pin!(connection.without_shutdown());
    let mut answer = std::pin::pin!(sender.send_request(request));
    let mut parts = None;
    let status = tokio::select! {
        biased;
        answer = answer.as_mut() => answer?.status(),
        // It is over with the answer that opens the tunnel, or without any.
        ended = connection.as_mut() => {
            parts = Some(ended?);
            answer.await?.status()
        }
    };
    // Any success opens it (RFC 9110, section 9.3.6).
    if !status.is_success() {
        return Ok((status, None));
    }
    let parts = match parts {
        Some(parts) => parts,
        None => connection.await?,
    };
    if !parts.read_buf.is_empty() {
        return Err(EgressFault::TooEarly);
    }
    Ok((status, Some(parts.io.into_inner())))
}
