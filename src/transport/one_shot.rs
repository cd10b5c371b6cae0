//! One request on a connection of its own, for exchanges: dialled first, sent once, never repeated, answered within a
//! bound of time and size. What it could not read whole it does not report.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::dial::{DialError, Stream};

/// Token responses have about a kilobyte; error pages of Salesforce some tens of them.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// A connection that is ready to send exactly one request.
pub struct OneShot {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
    host: HeaderValue,
    limit: Duration,
}

/// A whole answer.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The value of `Content-Type`.
    pub content_type: Option<HeaderValue>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, complete.
    pub body: Bytes,
}

/// Why there is no whole answer. The request may have been processed.
#[derive(Debug, thiserror::Error)]
pub enum OneShotError {
    /// No answer, or not the whole of it, in time.
    #[error("no whole answer in time")]
    TimedOut,
    /// The connection failed, or the answer was cut off or too large.
    #[error("the answer was lost: {0}")]
    Lost(Box<dyn std::error::Error + Send + Sync>),
}

impl OneShot {
    pub(super) async fn handshake(stream: Stream, authority: String, limit: Duration) -> Result<Self, DialError> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection).abort_handle();
        let host = HeaderValue::from_str(&authority).expect("a parsed host is a valid header value");
        Ok(Self { sender, driver, host, limit })
    }

    /// Sends the request and reads the whole answer. `Host` and `User-Agent` are set here.
    pub async fn send(mut self, request: Request<Full<Bytes>>) -> Result<Answer, OneShotError> {
        self.ask(request).await
    }

    /// Whether it can be asked again, for those whose requests may be repeated.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    pub(super) async fn ask(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, OneShotError> {
        request.headers_mut().insert(HOST, self.host.clone());
        request
            .headers_mut()
            .insert(USER_AGENT, HeaderValue::from_static(concat!("orgpass/", env!("CARGO_PKG_VERSION"))));
        let exchange = async {
            let response = self.sender.send_request(request).await.map_err(|error| OneShotError::Lost(error.into()))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(OneShotError::Lost)?.to_bytes();
            let content_type = head.headers.get("content-type").cloned();
            Ok(Answer { status: head.status, content_type, headers: head.headers, body })
        };
        timeout(self.limit, exchange).await.map_err(|_| OneShotError::TimedOut)?
    }
}

impl Drop for OneShot {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
