//! SOAP calls carry their token in the body, so the beginning of the body is read before the caller is known, and
//! written anew with the session's token for each sending. What follows it streams.

use std::time::Duration;

use async_compression::tokio::bufread::GzipDecoder;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderValue, Method};
use http_body_util::{BodyDataStream, BodyExt, Limited, StreamBody};
use hyper::body::{Body, Frame};
use tokio_util::io::{ReaderStream, StreamReader};

use super::error::{ProxyError, RequestFault};
use super::source::Source;
use crate::salesforce::soap::{self, MAX_OPENING_BYTES, SoapApi, SoapFault, SoapOpening};
use crate::token::Session;

/// A caller that begins an envelope sends its first kilobytes at once.
const OPENING_TIMEOUT: Duration = Duration::from_secs(60);
/// How much is read before the first look; doubled from look to look.
const FIRST_LOOK: usize = 2 * 1024;

/// The beginning of a SOAP call's body.
pub struct Envelope {
    text: Bytes,
    opening: SoapOpening,
    /// How much follows, if the caller said so.
    rest: Option<u64>,
}

impl Envelope {
    /// Reads the beginning of a call of `api`, and gives the rest of its body. A compressed body goes on without its compression.
    pub async fn read(api: &SoapApi, head: &mut Parts, body: Source) -> Result<(Self, Source), ProxyError> {
        if head.method != Method::POST {
            return Err(RequestFault::SoapMethod.into());
        }
        let declared = body.size_hint().exact();
        let (mut source, declared) = match head.headers.remove(CONTENT_ENCODING) {
            None => (body, declared),
            Some(encoding) if encoding.as_bytes().eq_ignore_ascii_case(b"gzip") => (decompressed(body), None),
            Some(_) => return Err(RequestFault::SoapCompression.into()),
        };
        let reading = read(api, &mut source);
        let (text, opening) =
            tokio::time::timeout(OPENING_TIMEOUT, reading).await.map_err(|_| RequestFault::Body)??;
        let rest = declared.and_then(|length| length.checked_sub(text.len() as u64));
        // Set for each sending, by what the token makes of it.
        head.headers.remove(CONTENT_LENGTH);
        Ok((Self { text, opening, rest }, source))
    }

    /// The caller's session id.
    pub fn credential(&self) -> Option<&str> {
        self.opening.session_id.as_deref()
    }

    /// The operation that is called.
    pub fn operation(&self) -> &str {
        &self.opening.operation
    }

    /// The user name of a login, whose body has `rest` after the beginning.
    pub async fn user_name(&self, rest: Source) -> Result<Option<String>, ProxyError> {
        let reading = Limited::new(rest, MAX_OPENING_BYTES).collect();
        let rest = tokio::time::timeout(OPENING_TIMEOUT, reading).await.map_err(|_| RequestFault::Body)?;
        let rest = rest.map_err(|_| RequestFault::Body)?;
        Ok(soap::user_name(&[&self.text, &*rest.to_bytes()].concat()))
    }

    /// The beginning with a session's token in it.
    pub fn opened_with(&self, session: &Session) -> Bytes {
        self.opening.with_token(&self.text, session.token().expose()).into()
    }

    /// The length of the whole body that begins with `opening`, if it is known.
    pub fn length(&self, opening: &Bytes) -> Option<HeaderValue> {
        self.rest.map(|rest| HeaderValue::from(rest + opening.len() as u64))
    }
}

async fn read(api: &SoapApi, body: &mut Source) -> Result<(Bytes, SoapOpening), ProxyError> {
    let mut text = BytesMut::new();
    let mut next_look = FIRST_LOOK;
    loop {
        let is_all = match body.frame().await {
            None => true,
            Some(Ok(frame)) => {
                text.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
                false
            }
            Some(Err(_)) => return Err(RequestFault::Body.into()),
        };
        if !is_all && text.len() < next_look && !body.is_end_stream() {
            continue;
        }
        let looked_at = &text[..text.len().min(MAX_OPENING_BYTES)];
        if let Some(opening) = api.read(looked_at, is_all)? {
            return Ok((text.freeze(), opening));
        }
        next_look = (2 * text.len()).min(MAX_OPENING_BYTES);
    }
}

/// The body without its gzip, decompressed as it is read.
fn decompressed(body: Source) -> Source {
    let reader = StreamReader::new(BodyDataStream::new(body).map_err(std::io::Error::other));
    let mut decoder = GzipDecoder::new(reader);
    // Several, one behind the other, are one file (RFC 1952, section 2.2).
    decoder.multiple_members(true);
    let plain = ReaderStream::new(decoder);
    Source::Boxed(Box::pin(StreamBody::new(plain.map_ok(Frame::data).map_err(Into::into))))
}

impl From<SoapFault> for ProxyError {
    fn from(fault: SoapFault) -> Self {
        Self::InvalidRequest(fault.into())
    }
}
