//! An answer before it is sent: status, media type, body and the headers that Salesforce puts on every
//! answer, cookies and compression included.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::body::Body;

pub(crate) const JSON: &str = "application/json;charset=UTF-8";
pub(crate) const XML: &str = "application/xml;charset=UTF-8";
pub(crate) const PLAIN: &str = "text/plain;charset=UTF-8";
pub(crate) const HTML: &str = "text/html;charset=UTF-8";
pub(crate) const BINARY: &str = "application/octetstream";

/// The cookies that Salesforce sets on ordinary API answers; the first names a domain that is not the
/// host's own when a proxy stands between.
const COOKIES: [&str; 3] = [
    "BrowserId=AbCdEfGhEe6kq3Nh1yQ0Zg; domain=.salesforce.com; path=/; expires=Fri, 01-Jan-2027 00:00:00 GMT; Max-Age=31536000",
    "CookieConsentPolicy=0:1; path=/; expires=Fri, 01-Jan-2027 00:00:00 GMT; Max-Age=31536000",
    "LSKey-c$CookieConsentPolicy=0:1; path=/; expires=Fri, 01-Jan-2027 00:00:00 GMT; Max-Age=31536000",
];

pub(crate) struct Answer {
    response: Response<Body>,
    dead: bool,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self::streaming(status, media_type, Body::full(body))
    }

    pub(crate) fn streaming(status: StatusCode, media_type: &str, body: Body) -> Self {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let media_type = HeaderValue::from_str(media_type).unwrap_or_else(|_| HeaderValue::from_static(BINARY));
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        Self { response, dead: false }
    }

    pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self::new(status, JSON, body.to_string())
    }

    pub(crate) fn html(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, HTML, body)
    }

    /// No body and no media type.
    pub(crate) fn empty(status: StatusCode) -> Self {
        let mut answer = Self::new(status, PLAIN, Bytes::new());
        answer.response.headers_mut().remove(CONTENT_TYPE);
        answer
    }

    /// Adds a header; a value that cannot be one is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response.headers_mut().insert(name, value);
        }
        self
    }

    /// Adds a cookie, as `Set-Cookie` has it.
    pub(crate) fn cookie(mut self, cookie: &str) -> Self {
        if let Ok(cookie) = HeaderValue::from_str(cookie) {
            self.response.headers_mut().append(SET_COOKIE, cookie);
        }
        self
    }

    /// Marks it as a dead-session answer, for the record.
    pub(crate) fn dead(mut self) -> Self {
        self.dead = true;
        self
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead
    }

    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The value of a header that is text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    pub(crate) fn replace_body(&mut self, body: Body) {
        *self.response.body_mut() = body;
    }

    /// Fixes `Content-Length`, whatever the body then yields.
    pub(crate) fn announce(&mut self, length: usize) {
        let headers = self.response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }

    /// The body, if it is all there.
    pub(crate) fn whole(&self) -> Option<&Bytes> {
        self.response.body().whole()
    }

    /// The response as Salesforce would send it to this request.
    pub(crate) fn into_response(mut self, request: &HeaderMap) -> Response<Body> {
        let may_gzip = !self.response.headers().contains_key(CONTENT_ENCODING);
        if may_gzip
            && accepts_gzip(request)
            && let Some(whole) = self.response.body().whole()
            && !whole.is_empty()
        {
            let packed = gzip(whole);
            self.replace_body(Body::full(packed));
            let headers = self.response.headers_mut();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let headers = self.response.headers_mut();
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-cache,must-revalidate,max-age=0,no-store,private"));
        for cookie in COOKIES {
            headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        let is_announced = headers.contains_key(CONTENT_LENGTH);
        self.response.map(|body| if is_announced { body } else { body.chunked() })
    }
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    request
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().split(';').next() == Some("gzip"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).and_then(|()| packed.finish()).expect("writing to memory cannot fail")
}
