//! How each API family says that a session is dead. Only its own words count: a status alone never does, because the
//! same statuses are used for requests that a new token would not help.

mod targets;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{ApiFamily, Verdict};
use crate::salesforce::ErrorCode;
use crate::salesforce::bayeux::{self, Reply};

/// Texts that come with the code of a dead session although the session lives: a new token would be refused alike
/// (jsforce leaves these alone too).
const NOT_DEAD: [&[u8]; 2] =
    [b"This session is not valid for use with the REST API", b"Connected app is not attached to Agent"];

pub(super) fn judge(family: ApiFamily, content_type: Option<&[u8]>, body: &[u8]) -> Verdict {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    let dead = match family {
        ApiFamily::DataCloud => targets::data_cloud(content_type, body),
        _ if body.is_empty() => None,
        ApiFamily::PubSub => None,
        ApiFamily::Rest => rest(content_type, body),
        ApiFamily::Bulk => named(content_type, body, "exceptionCode", "InvalidSessionId"),
        ApiFamily::Soap => soap(body),
        ApiFamily::Identity => identity(body).or_else(|| rest(content_type, body)),
        ApiFamily::Streaming => streaming(body).or_else(|| rest(content_type, body)),
        ApiFamily::AccountEngagement => targets::account_engagement(body),
        ApiFamily::Platform => targets::platform(content_type, body),
    };
    match dead {
        Some(code) => Verdict::Dead { code },
        None => Verdict::Alive,
    }
}

fn rest(content_type: Option<&[u8]>, body: &[u8]) -> Option<ErrorCode> {
    if NOT_DEAD.iter().any(|text| memmem::find(body, text).is_some()) {
        return None;
    }
    named(content_type, body, "errorCode", "INVALID_SESSION_ID")
}

/// A SOAP fault's code is a qualified name; the prefix is the org's choice.
fn soap(body: &[u8]) -> Option<ErrorCode> {
    const CODE: &str = "INVALID_SESSION_ID";
    let is_code = |text: &[u8]| {
        let local = memchr::memrchr(b':', text).map_or(text, |colon| &text[colon + 1..]);
        local == CODE.as_bytes()
    };
    let is_dead =
        xml_holds(body, "faultcode", is_code) && !NOT_DEAD.iter().any(|text| memmem::find(body, text).is_some());
    is_dead.then(|| ErrorCode::parse(CODE.as_bytes())).flatten()
}

/// Salesforce's word is a code and a text; the code alone can be shown.
fn streaming(body: &[u8]) -> Option<ErrorCode> {
    bayeux::replies(body).iter().any(Reply::is_of_dead_session).then(|| ErrorCode::parse(b"401")).flatten()
}

/// Identity URL and userinfo answer in plain text, whatever content type they claim.
fn identity(body: &[u8]) -> Option<ErrorCode> {
    (body == b"Bad_OAuth_Token").then(|| ErrorCode::parse(body)).flatten()
}

/// Whether an error in the body has `code` in `field`.
fn named(content_type: Option<&[u8]>, body: &[u8], field: &str, code: &str) -> Option<ErrorCode> {
    let found = if is_html(content_type) {
        false
    } else if body.starts_with(b"<") {
        xml_holds(body, field, |text| text == code.as_bytes())
    } else {
        json_has(body, field, code)
    };
    found.then(|| ErrorCode::parse(code.as_bytes())).flatten()
}

fn is_html(content_type: Option<&[u8]>) -> bool {
    content_type.is_some_and(|kind| kind.len() >= 9 && kind[..9].eq_ignore_ascii_case(b"text/html"))
}

/// Whether some element called `field`, with any namespace prefix, holds a text that is the `wanted` one. Text in XML
/// cannot contain `<`, so a message cannot forge an element.
fn xml_holds(body: &[u8], field: &str, wanted: impl Fn(&[u8]) -> bool) -> bool {
    let tag_end = format!("{field}>");
    memmem::find_iter(body, tag_end.as_bytes()).any(|start| {
        let before = &body[..start];
        let prefix = before.iter().rposition(|byte| *byte == b'<').map(|open| &before[open + 1..]);
        let opens = prefix.is_some_and(|prefix| {
            prefix.is_empty() || prefix.strip_suffix(b":").is_some_and(|p| p.iter().all(u8::is_ascii_alphanumeric))
        });
        let after = &body[start + tag_end.len()..];
        let end = memchr::memchr(b'<', after).unwrap_or(0);
        opens && wanted(after[..end].trim_ascii())
    })
}

/// Whether some error of a JSON list, or a single error, has exactly `text` in `field`. What follows a cut is not seen,
/// what came before it is.
fn json_has(body: &[u8], field: &str, text: &str) -> bool {
    let mut found = false;
    let mut json = serde_json::Deserializer::from_slice(body);
    // An error only says that the body is cut off or is no JSON; what was found until then stands.
    let _ = Errors { field, text, found: &mut found }.deserialize(&mut json);
    found
}

/// Walks a list of errors, or one, and remembers whether the wanted code was there.
struct Errors<'a> {
    field: &'a str,
    text: &'a str,
    found: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Errors<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Errors<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an error or a list of errors")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { field, text, found } = self;
        while list.next_element_seed(Errors { field, text, found })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut error: A) -> Result<(), A::Error> {
        while let Some(name) = error.next_key::<Cow<'de, str>>()? {
            if name == self.field {
                *self.found |= error.next_value::<serde_json::Value>()? == self.text;
            } else {
                error.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
