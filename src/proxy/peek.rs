//! Looking at the beginning of an answer's body without losing any of it: whether it says that the session is dead.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::Body;

use super::error::ProxyError;
use crate::salesforce::{ApiFamily, Verdict};
use crate::transport::ResponseBody;

/// How much of a body is looked at. A dead session's answer has some hundred bytes.
const PEEK_BYTES: usize = 8 * 1024;
/// The statuses that are peeked at have small bodies that follow their heads at once.
const PEEK_TIMEOUT: Duration = Duration::from_secs(20);

/// The beginning of a body.
pub struct Peek {
    /// As it came.
    pub raw: Bytes,
    /// Without compression, as far as it was looked at.
    pub plain: Bytes,
}

/// Reads the beginning of a body, up to its end or the bound.
pub async fn peek(family: ApiFamily, headers: &HeaderMap, body: &mut ResponseBody) -> Result<Peek, ProxyError> {
    let reading = async {
        let mut raw = BytesMut::new();
        while raw.len() < PEEK_BYTES && !body.is_end_stream() {
            match body.frame().await {
                None => break,
                Some(Err(_)) => return Err(ProxyError::UpstreamUnreachable),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        raw.extend_from_slice(data);
                    }
                }
            }
        }
        Ok(raw.freeze())
    };
    let raw = tokio::time::timeout(timeout(family), reading).await.map_err(|_| ProxyError::UpstreamTimeout)??;
    let plain = if is_gzip(headers) { gunzip(&raw) } else { raw.slice(..raw.len().min(PEEK_BYTES)) };
    Ok(Peek { raw, plain })
}

/// The head of a poll's answer may come before the poll is held.
fn timeout(family: ApiFamily) -> Duration {
    match family {
        ApiFamily::Streaming => family.row().first_byte_timeout,
        _ => PEEK_TIMEOUT,
    }
}

/// What an answer says about the session.
pub fn judge(family: ApiFamily, status: u16, headers: &HeaderMap, peek: &Peek) -> Verdict {
    let content_type = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    family.judge(status, content_type, &peek.plain)
}

fn is_gzip(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"))
}

/// As much as opens of a compressed beginning, within the bound.
fn gunzip(raw: &[u8]) -> Bytes {
    let mut plain = vec![0; PEEK_BYTES];
    let (mut decoder, mut length) = (GzDecoder::new(raw), 0);
    while length < plain.len() {
        match decoder.read(&mut plain[length..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => length += more,
        }
    }
    plain.truncate(length);
    Bytes::from(plain)
}
