//! How hosts beside the org's own say that a token is dead.

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use super::rest;
use crate::salesforce::ErrorCode;

/// What Account Engagement calls a token that it does not accept, and how it begins to say so.
const BAD_TOKEN: u64 = 184;
const BAD_TOKEN_TEXT: &str = "access_token is invalid";

/// No words are documented, so a 401 counts by itself unless an edge made it. It costs one exchange of Data Cloud's own;
/// that the next token is refused too ends it.
pub(super) fn data_cloud(content_type: Option<&[u8]>, body: &[u8]) -> Option<ErrorCode> {
    if super::is_html(content_type) {
        return None;
    }
    #[derive(Deserialize)]
    struct Body {
        error: Option<String>,
    }
    let named = serde_json::from_slice(body).ok().and_then(|Body { error }| ErrorCode::parse(error?.as_bytes()));
    named.or_else(|| ErrorCode::parse(b"401"))
}

/// An error object with the code for a bad token, or with the text for it: some answers have more behind it.
pub(super) fn account_engagement(body: &[u8]) -> Option<ErrorCode> {
    let error: Value = serde_json::from_slice(body).ok()?;
    let code = error.get("code");
    let coded = code.is_some_and(|code| code == BAD_TOKEN || code == "184");
    let text = error.get("message").and_then(Value::as_str).unwrap_or_default();
    (coded || text.starts_with(BAD_TOKEN_TEXT)).then(|| ErrorCode::parse(b"184")).flatten()
}

/// An object with a list of errors of which one is about the token; agents answer in REST's form too.
pub(super) fn platform(content_type: Option<&[u8]>, body: &[u8]) -> Option<ErrorCode> {
    rest(content_type, body).or_else(|| {
        let said: Value = serde_json::from_slice(body).ok()?;
        let errors = said.get("errors")?.as_array()?;
        let texts = errors.iter().filter_map(|error| error.get("message")?.as_str());
        texts.map(str::to_ascii_lowercase).find(|text| is_about_token(text)).and(ErrorCode::parse(b"401"))
    })
}

fn is_about_token(text: &str) -> bool {
    ["jwt", "token"].iter().any(|word| memmem::find(text.as_bytes(), word.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use crate::salesforce::api_families::{ApiFamily, Verdict};

    fn code(family: ApiFamily, status: u16, content_type: &str, body: &str) -> Option<String> {
        match family.judge(status, Some(content_type.as_bytes()), body.as_bytes()) {
            Verdict::Dead { code } => Some(code.as_str().to_owned()),
            Verdict::Alive => None,
        }
    }

    #[test]
    fn each_host_says_in_its_own_words_that_a_token_is_dead() {
        for (family, body, said) in [
            (ApiFamily::DataCloud, r#"{"error":"Unauthorized","message":"Jwt is expired"}"#, "Unauthorized"),
            (ApiFamily::DataCloud, r#"{"error":"two words"}"#, "401"),
            (ApiFamily::DataCloud, "", "401"),
            (ApiFamily::DataCloud, "Jwt is expired", "401"),
            (
                ApiFamily::AccountEngagement,
                r#"{"code":184,"message":"access_token is invalid, unknown, or malformed"}"#,
                "184",
            ),
            (ApiFamily::AccountEngagement, r#"{"code":"184"}"#, "184"),
            (
                ApiFamily::AccountEngagement,
                r#"{"message":"access_token is invalid, unknown, or malformed: Inactive token"}"#,
                "184",
            ),
            (ApiFamily::Platform, r#"{"errors":[{"message":"JWT Token is required"}]}"#, "401"),
            (ApiFamily::Platform, r#"{"errors":[{"message":"Other"},{"message":"The token has expired"}]}"#, "401"),
            (
                ApiFamily::Platform,
                r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#,
                "INVALID_SESSION_ID",
            ),
        ] {
            assert_eq!(code(family, 401, "application/json", body).as_deref(), Some(said), "{family:?} {body}");
            assert_eq!(code(family, 403, "application/json", body), None, "{family:?} {body}");
        }
    }

    #[test]
    fn what_a_new_token_would_not_help_is_not_a_dead_one() {
        for (family, content_type, body) in [
            (ApiFamily::DataCloud, "text/html", "<html>401</html>"),
            (
                ApiFamily::AccountEngagement,
                "application/json",
                r#"{"code":181,"message":"no access_token is invalid"}"#,
            ),
            (ApiFamily::AccountEngagement, "application/json", r#"{"code":184"#),
            (ApiFamily::AccountEngagement, "application/json", ""),
            (ApiFamily::Platform, "application/json", r#"{"errors":[{"message":"Agent is not active"}]}"#),
            (ApiFamily::Platform, "application/json", r#"{"errors":"token"}"#),
            (
                ApiFamily::Platform,
                "application/json",
                r#"[{"message":"Connected app is not attached to Agent","errorCode":"INVALID_SESSION_ID"}]"#,
            ),
            (ApiFamily::Platform, "text/html", "<html>token</html>"),
        ] {
            assert_eq!(code(family, 401, content_type, body), None, "{family:?} {body}");
        }
    }
}
