//! Absolute URLs that clients follow: in the description of an API version, the identity document and userinfo. There, and
//! only there, those of the own org become the proxy's, in the fields that Salesforce documents as URLs. No other
//! document is looked into, and what people have written is never touched.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Body;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::body::OrgBody;
use super::error::ProxyError;
use super::sanitize;
use crate::salesforce::{ApiFamily, Origin};

/// These documents have a few kilobytes; a larger one goes on as it is.
const MAX_BYTES: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(20);

/// Fields with the URL of the identity document, which may be on a login host.
const IDENTITY: [&str; 3] = ["id", "sub", "identity"];
/// Fields with a URL, or with an object of them.
const URLS: [&str; 4] = ["urls", "photos", "profile", "picture"];

/// Whether the answer to a GET of this path is such a document.
pub(super) fn are_in(family: ApiFamily, path: &str) -> bool {
    match family {
        ApiFamily::Identity => true,
        ApiFamily::Rest => is_version(path),
        _ => false,
    }
}

/// `/services/data/vNN.N`, and nothing below it.
fn is_version(path: &str) -> bool {
    const LONGEST: usize = "//services/data/v100.0/".len();
    if path.len() > LONGEST {
        return false;
    }
    let mut segments = path.trim_start_matches('/').trim_end_matches('/').split('/');
    let mut next = || segments.next().unwrap_or_default();
    let known = next().eq_ignore_ascii_case("services") && next().eq_ignore_ascii_case("data");
    known && next().starts_with(['v', 'V']) && next().is_empty()
}

/// Makes the own org's URLs in an answer those of the proxy at `base`.
pub(super) async fn map(head: &mut Parts, body: &mut OrgBody, own: &Origin, base: &str) -> Result<(), ProxyError> {
    if head.status != StatusCode::OK || !is_plain_json(&head.headers) {
        return Ok(());
    }
    let mut read = BytesMut::from(body.peeked.take().as_deref().unwrap_or_default());
    let reading = async {
        while read.len() <= MAX_BYTES && !body.rest.is_end_stream() {
            match body.rest.frame().await {
                None => break,
                Some(Ok(frame)) => read.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
                Some(Err(_)) => return Err(ProxyError::UpstreamUnreachable),
            }
        }
        Ok(())
    };
    tokio::time::timeout(TIMEOUT, reading).await.map_err(|_| ProxyError::UpstreamTimeout)??;
    let is_whole = read.len() <= MAX_BYTES;
    match mapped(&read, own, base).filter(|_| is_whole) {
        Some(mapped) => {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(mapped.len()));
            body.peeked = Some(mapped);
        }
        None => body.peeked = Some(read.freeze()).filter(|read| !read.is_empty()),
    }
    Ok(())
}

fn is_plain_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    !headers.contains_key(CONTENT_ENCODING) && kind.len() >= 16 && kind[..16].eq_ignore_ascii_case(b"application/json")
}

/// The document with its URLs mapped; `None` if it is no JSON object.
pub fn mapped(document: &[u8], own: &Origin, base: &str) -> Option<Bytes> {
    let mut fields: Fields = serde_json::from_slice(document).ok()?;
    for (name, value) in &mut fields.0 {
        if IDENTITY.contains(&name.as_str()) {
            replace(value, |url| identity(url, base));
        } else if URLS.contains(&name.as_str()) {
            if let Ok(mut inner) = serde_json::from_str::<Fields>(value.get()) {
                for (_, value) in &mut inner.0 {
                    replace(value, |url| within(url, own, base));
                }
                *value = to_raw_value(&inner).ok()?;
            } else {
                replace(value, |url| within(url, own, base));
            }
        }
    }
    serde_json::to_vec(&fields).ok().map(Bytes::from)
}

fn replace(value: &mut Box<RawValue>, mapped: impl Fn(&str) -> Option<String>) {
    let Ok(url) = serde_json::from_str::<String>(value.get()) else { return };
    if let Some(raw) = mapped(&url).and_then(|url| to_raw_value(&url).ok()) {
        *value = raw;
    }
}

/// An identity URL, on whichever host of Salesforce.
fn identity(url: &str, base: &str) -> Option<String> {
    let (origin, path) = url.split_at(url.find("/id/")?);
    let is_origin = origin.split_once("://").is_some_and(|(_, host)| !host.contains(['/', '?', '#']));
    (is_origin && path.split('/').count() == 4).then(|| format!("{base}{path}"))
}

/// A URL within the own org.
fn within(url: &str, own: &Origin, base: &str) -> Option<String> {
    let path = String::from_utf8(sanitize::path_within(own, url.as_bytes())?).ok()?;
    // A bare origin stays one: clients put paths behind it.
    let path = if path == "/" && !url.ends_with('/') { "" } else { &path };
    Some(format!("{base}{path}"))
}

/// A JSON object with its fields in their order, and each value as it was written.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
