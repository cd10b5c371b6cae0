//! A token response with nothing in it but what is read, each as text. By the time that it is there the old refresh token
//! is spent: whatever else it says, and in whatever form, must not cost the new one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

const ACCESS_TOKEN: &str = "access_token";
const TOKEN_TYPE: &str = "token_type";

/// What is read of a token response.
const READ: [&str; 9] =
    [ACCESS_TOKEN, "refresh_token", TOKEN_TYPE, "scope", "instance_url", "id", "issued_at", "signature", "id_token"];

/// The token response in `body`, with text only; `None` if there is no access token in it.
pub(super) fn plain(body: &[u8]) -> Option<Vec<u8>> {
    let answer: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let mut fields: BTreeMap<&str, Zeroizing<String>> = BTreeMap::new();
    for (name, value) in answer {
        if let (Some(known), Some(text)) = (READ.iter().find(|known| **known == name), text(value)) {
            fields.insert(known, Zeroizing::new(text));
        }
    }
    fields.entry(TOKEN_TYPE).or_insert_with(|| Zeroizing::new("Bearer".to_owned()));
    let texts: BTreeMap<&str, &str> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    texts.contains_key(ACCESS_TOKEN).then(|| serde_json::to_vec(&texts).expect("texts serialize"))
}

/// A value as text, if it says something.
fn text(value: Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Bool(_) | Value::Object(_) => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Option<String> {
        plain(body.as_bytes()).map(|plain| String::from_utf8(plain).unwrap())
    }

    #[test]
    fn what_is_read_is_text_and_nothing_else_is_there() {
        for (body, expected) in [
            (
                r#"{"access_token":"a","refresh_token":"r","issued_at":1767225600000,"expires_in":"7200","x":{"y":[1]}}"#,
                r#"{"access_token":"a","issued_at":"1767225600000","refresh_token":"r","token_type":"Bearer"}"#,
            ),
            (
                r#"{"access_token":"a","token_type":"bearer","scope":["api","id"],"id":null,"signature":false}"#,
                r#"{"access_token":"a","scope":"api id","token_type":"bearer"}"#,
            ),
            (
                r#"{"access_token":"a","refresh_token":"","refresh_token":"r","instance_url":{}}"#,
                r#"{"access_token":"a","refresh_token":"r","token_type":"Bearer"}"#,
            ),
            (r#"{"access_token":"a","refresh_token":""}"#, r#"{"access_token":"a","token_type":"Bearer"}"#),
        ] {
            assert_eq!(read(body).as_deref(), Some(expected), "{body}");
        }
    }

    #[test]
    fn what_has_no_access_token_is_no_token_response() {
        for body in [
            "",
            "{}",
            "[]",
            "<html></html>",
            r#"{"access_token":""}"#,
            r#"{"access_token":null}"#,
            r#"{"access_token":"a""#,
        ] {
            assert_eq!(read(body), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_not_without_panic(body in "[\\[\\]{}\":,a-z0-9_ ]{0,80}") {
            let with_tokens = format!("{{\"access_token\":\"a\",\"refresh_token\":\"r\",\"more\":\"{}\"}}", body.replace('"', ""));
            prop_assert!(read(&with_tokens).is_some_and(|plain| plain.contains("\"refresh_token\":\"r\"")));
            read(&body);
        }
    }
}
