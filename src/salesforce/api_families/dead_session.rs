//! How each API family says that a session is dead. Only its own words count: a status alone never does, because the
//! same statuses are used for requests that a new token would not help.

use std::borrow::Cow;

use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{ApiFamily, Verdict};
use crate::salesforce::ErrorCode;

/// Texts that come with the code of a dead session although the session lives: a new token would be refused alike
/// (jsforce leaves these alone too).
const NOT_DEAD: [&[u8]; 2] =
    [b"This session is not valid for use with the REST API", b"Connected app is not attached to Agent"];

pub(super) fn judge(family: ApiFamily, content_type: Option<&[u8]>, body: &[u8]) -> Verdict {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    let dead = match family {
        _ if body.is_empty() => None,
        ApiFamily::Rest => rest(content_type, body),
        ApiFamily::Bulk => named(content_type, body, "exceptionCode", "InvalidSessionId"),
        ApiFamily::Identity => identity(body).or_else(|| rest(content_type, body)),
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

/// Identity URL and userinfo answer in plain text, whatever content type they claim.
fn identity(body: &[u8]) -> Option<ErrorCode> {
    (body == b"Bad_OAuth_Token").then(|| ErrorCode::parse(body)).flatten()
}

/// Whether an error in the body has `code` in `field`.
fn named(content_type: Option<&[u8]>, body: &[u8], field: &str, code: &str) -> Option<ErrorCode> {
    let is_html = content_type.is_some_and(|kind| kind.len() >= 9 && kind[..9].eq_ignore_ascii_case(b"text/html"));
    let found = if is_html {
        false
    } else if body.starts_with(b"<") {
        xml_has(body, field, code)
    } else {
        json_has(body, field, code)
    };
    found.then(|| ErrorCode::parse(code.as_bytes())).flatten()
}

/// Whether some element called `field`, with any namespace prefix, holds exactly `text`. Text in XML cannot contain `<`,
/// so a message cannot forge an element.
fn xml_has(body: &[u8], field: &str, text: &str) -> bool {
    let tag_end = format!("{field}>");
    memmem::find_iter(body, tag_end.as_bytes()).any(|start| {
        let before = &body[..start];
        let prefix = before.iter().rposition(|byte| *byte == b'<').map(|open| &before[open + 1..]);
        let opens = prefix.is_some_and(|prefix| {
            prefix.is_empty() || prefix.strip_suffix(b":").is_some_and(|p| p.iter().all(u8::is_ascii_alphanumeric))
        });
        let after = &body[start + tag_end.len()..];
        let end = memchr::memchr(b'<', after).unwrap_or(0);
        opens && after[..end].trim_ascii() == text.as_bytes()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

    fn verdict(family: ApiFamily, status: u16, body: &str) -> Option<String> {
        match family.judge(status, Some(b"application/json;charset=UTF-8"), body.as_bytes()) {
            Verdict::Dead { code } => Some(code.as_str().to_owned()),
            Verdict::Alive => None,
        }
    }

    #[test]
    fn each_family_says_in_its_own_words_that_a_session_is_dead() {
        let bulk_xml = format!(
            r#"{XML}<error xmlns="http://www.force.com/2009/06/asyncapi/dataload">
                <exceptionCode>InvalidSessionId</exceptionCode><exceptionMessage>Invalid session id</exceptionMessage></error>"#
        );
        let rest_xml = format!(
            "{XML}<Errors><Error><errorCode>INVALID_SESSION_ID</errorCode><message>Session expired</message></Error></Errors>"
        );
        for (family, status, body, code) in [
            (
                ApiFamily::Rest,
                401,
                r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#,
                "INVALID_SESSION_ID",
            ),
            (ApiFamily::Rest, 401, "\u{feff} [ {\"errorCode\" : \"INVALID_SESSION_ID\"} ]\n", "INVALID_SESSION_ID"),
            (ApiFamily::Rest, 401, r#"{"errorCode":"INVALID_SESSION_ID"}"#, "INVALID_SESSION_ID"),
            (ApiFamily::Rest, 401, rest_xml.as_str(), "INVALID_SESSION_ID"),
            (ApiFamily::Bulk, 400, bulk_xml.as_str(), "InvalidSessionId"),
            (ApiFamily::Bulk, 400, "<e:error><e:exceptionCode>InvalidSessionId</e:exceptionCode>", "InvalidSessionId"),
            (
                ApiFamily::Bulk,
                400,
                r#"{"exceptionCode":"InvalidSessionId","exceptionMessage":"Invalid session id"}"#,
                "InvalidSessionId",
            ),
            (ApiFamily::Identity, 403, "Bad_OAuth_Token", "Bad_OAuth_Token"),
            (ApiFamily::Identity, 403, "Bad_OAuth_Token\n", "Bad_OAuth_Token"),
        ] {
            assert_eq!(verdict(family, status, body).as_deref(), Some(code), "{family:?} {status} {body}");
        }
    }

    #[test]
    fn what_a_new_token_would_not_help_is_not_a_dead_session() {
        let dead = r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#;
        for (family, status, body) in [
            (ApiFamily::Rest, 403, dead),
            (ApiFamily::Rest, 200, dead),
            (ApiFamily::Bulk, 400, dead),
            (
                ApiFamily::Rest,
                401,
                r#"[{"message":"This session is not valid for use with the REST API","errorCode":"INVALID_SESSION_ID"}]"#,
            ),
            (
                ApiFamily::Rest,
                401,
                r#"[{"message":"Connected app is not attached to Agent","errorCode":"INVALID_SESSION_ID"}]"#,
            ),
            (ApiFamily::Rest, 401, r#"[{"message":"INVALID_SESSION_ID","errorCode":"INVALID_AUTH_HEADER"}]"#),
            (ApiFamily::Rest, 401, r#"[{"message":"\"errorCode\":\"INVALID_SESSION_ID\"","errorCode":"X"}]"#),
            (ApiFamily::Rest, 401, r#"[{"errorCode":["INVALID_SESSION_ID"]}]"#),
            (ApiFamily::Rest, 401, "<Errors><message>errorCode>INVALID_SESSION_ID</message></Errors>"),
            (ApiFamily::Rest, 401, "<Errors></errorCode>INVALID_SESSION_ID</errorCode></Errors>"),
            (ApiFamily::Rest, 401, ""),
            (ApiFamily::Bulk, 400, r#"{"exceptionCode":"InvalidBatch","exceptionMessage":"InvalidSessionId"}"#),
            (ApiFamily::Bulk, 400, "<error><exceptionMessage>InvalidSessionId</exceptionMessage></error>"),
            (ApiFamily::Identity, 403, "No_Access"),
            (ApiFamily::Identity, 403, "Bad_OAuth_Token, perhaps"),
            (ApiFamily::Identity, 404, "Bad_OAuth_Token"),
        ] {
            assert_eq!(verdict(family, status, body), None, "{family:?} {status} {body}");
        }
    }

    #[test]
    fn a_login_page_is_never_read() {
        let page = b"<html><errorCode>INVALID_SESSION_ID</errorCode></html>";
        let verdict = ApiFamily::Rest.judge(401, Some(b"Text/HTML; charset=UTF-8"), page);
        assert_eq!(verdict, Verdict::Alive);
    }

    #[test]
    fn a_code_before_the_cut_is_seen() {
        let cut = format!(r#"[{{"errorCode":"INVALID_SESSION_ID","message":"{}"#, "x".repeat(8000));
        assert_eq!(verdict(ApiFamily::Rest, 401, &cut).as_deref(), Some("INVALID_SESSION_ID"));
        assert_eq!(verdict(ApiFamily::Rest, 401, &cut[..30]), None);
    }

    proptest! {
        #[test]
        fn any_body_is_judged_without_panic(
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                "[\\[{<]{1,3}(errorCode|exceptionCode|[\":<>/a-z,\\]}]){0,20}".prop_map(String::into_bytes),
                "\\[{0,300}".prop_map(String::into_bytes),
            ],
            cut in 0usize..200,
        ) {
            let body = &body[..cut.min(body.len())];
            for family in ApiFamily::ALL {
                for status in family.row().peeked_statuses {
                    family.judge(*status, None, body);
                }
            }
        }
    }
}
