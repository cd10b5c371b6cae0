//! Looking at the beginning of an answer's body without losing any of it: whether it says that the session is dead.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
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
    let plain = plain(headers, &raw);
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

/// The beginning without its compression: by whichever of the ways that Salesforce's documentation names.
fn plain(headers: &HeaderMap, raw: &Bytes) -> Bytes {
    let encoding = headers.get(CONTENT_ENCODING).map_or(&[][..], |encoding| encoding.as_bytes());
    let is = |known: &[u8]| encoding.eq_ignore_ascii_case(known);
    if is(b"gzip") || is(b"x-gzip") {
        unpacked(GzDecoder::new(&raw[..]))
    } else if is(b"deflate") {
        // It should stand in a frame of zlib, and some servers leave that out.
        if is_zlib(raw) { unpacked(ZlibDecoder::new(&raw[..])) } else { unpacked(DeflateDecoder::new(&raw[..])) }
    } else {
        raw.slice(..raw.len().min(PEEK_BYTES))
    }
}

/// Whether it begins as RFC 1950 has it: the method, and a check of the first two bytes.
fn is_zlib(raw: &[u8]) -> bool {
    matches!(raw, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

/// As much as opens of a compressed beginning, within the bound.
fn unpacked(mut decoder: impl Read) -> Bytes {
    let (mut plain, mut length) = (vec![0; PEEK_BYTES], 0);
    while length < plain.len() {
        match decoder.read(&mut plain[length..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => length += more,
        }
    }
    plain.truncate(length);
    Bytes::from(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;

    use super::*;

    const DEAD: &[u8] = br#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#;

    fn packed<W>(mut encoder: W, finish: impl FnOnce(W) -> std::io::Result<Vec<u8>>) -> Vec<u8>
    where
        W: Write,
    {
        encoder.write_all(DEAD).unwrap();
        finish(encoder).unwrap()
    }

    #[test]
    fn a_dead_session_is_seen_through_every_compression() {
        let level = Compression::fast();
        let gzip = packed(GzEncoder::new(Vec::new(), level), GzEncoder::finish);
        let zlib = packed(ZlibEncoder::new(Vec::new(), level), ZlibEncoder::finish);
        let bare = packed(DeflateEncoder::new(Vec::new(), level), DeflateEncoder::finish);
        let followed = [&gzip[..], b"and what is none of it"].concat();
        for (encoding, raw) in [
            ("identity", DEAD.to_vec()),
            ("gzip", gzip.clone()),
            ("GZip", followed),
            ("x-gzip", gzip),
            ("deflate", zlib),
            ("deflate", bare),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(encoding))]);
            let raw = Bytes::from(raw);
            let peek = Peek { plain: plain(&headers, &raw), raw };
            let verdict = judge(ApiFamily::Rest, 401, &headers, &peek);
            assert!(matches!(verdict, Verdict::Dead { .. }), "{encoding} {:?}", peek.plain);
        }
    }
}
