//! The exchange of an org's access token for one of its Data Cloud tenant. It spends nothing: the access token goes on as
//! it was. Refusals may come inside a 200.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use crate::salesforce::{ApiFamily, ErrorCode, Verdict};
use crate::secret::Secret;
use crate::transport::OneShot;

const PATH: &str = "/services/a360/token";
const GRANT: &str = "urn:salesforce:grant-type:external:cdp";
const SUBJECT: &str = "urn:ietf:params:oauth:token-type:access_token";

/// How long a token is taken to live that does not say it: a quarter of what Salesforce gives.
const UNTOLD_LIFE: Duration = Duration::from_secs(30 * 60);
/// Salesforce gives two hours; a day is beyond every answer that makes sense.
const MAX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A token of a Data Cloud tenant.
#[derive(Clone, Debug)]
pub struct DataCloudToken {
    /// The token.
    pub access_token: Secret<String>,
    /// The tenant's host, as sent: without a scheme as a rule.
    pub instance_url: String,
    /// How long it lives.
    pub life: Duration,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataCloudRefusal {
    /// The org does not accept the access token, with its own code.
    DeadSession(Option<ErrorCode>),
    /// The access token has none of Data Cloud's scopes.
    ScopeMissing,
    /// The org refuses for another reason.
    Refused(Option<ErrorCode>),
    /// No answer that says anything.
    Unavailable(String),
}

#[derive(Deserialize)]
struct Wire {
    access_token: Option<String>,
    instance_url: Option<String>,
    expires_in: Option<Value>,
    error: Option<String>,
}

/// Asks an org for a token of its Data Cloud tenant with this access token, by one request on `connection`.
pub async fn data_cloud(
    access_token: &Secret<String>,
    connection: OneShot,
) -> Result<DataCloudToken, DataCloudRefusal> {
    // A scope would be refused, and the data space is the default one.
    let form: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", GRANT)
        .append_pair("subject_token", access_token.expose())
        .append_pair("subject_token_type", SUBJECT)
        .finish();
    let mut request = Request::new(Full::new(Bytes::from(form)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(PATH);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = connection.send(request).await.map_err(|error| DataCloudRefusal::Unavailable(error.to_string()))?;
    read(answer.status.as_u16(), answer.content_type.as_ref().map(HeaderValue::as_bytes), &answer.body)
}

fn read(status: u16, content_type: Option<&[u8]>, body: &[u8]) -> Result<DataCloudToken, DataCloudRefusal> {
    if let Verdict::Dead { code } = ApiFamily::Rest.judge(status, content_type, body) {
        return Err(DataCloudRefusal::DeadSession(Some(code)));
    }
    match serde_json::from_slice(body) {
        Ok(Wire { error: Some(error), .. }) => Err(refusal(status, &error)),
        Ok(Wire { access_token: Some(token), instance_url: Some(instance_url), expires_in, .. }) if status == 200 => {
            Ok(DataCloudToken { access_token: Secret::new(token), instance_url, life: life(expires_in.as_ref()) })
        }
        _ if (400..500).contains(&status) && status != 429 => Err(DataCloudRefusal::Refused(rest_code(body))),
        _ => Err(DataCloudRefusal::Unavailable(format!("the org answered {status} without a token"))),
    }
}

fn refusal(status: u16, error: &str) -> DataCloudRefusal {
    let code = ErrorCode::parse(error.as_bytes());
    match error {
        _ if status == 429 || status >= 500 => DataCloudRefusal::Unavailable(format!("the org answered {status}")),
        "invalid_scope" => DataCloudRefusal::ScopeMissing,
        // Of the token that was shown: no other grant is in the request.
        "invalid_grant" | "invalid_token" => DataCloudRefusal::DeadSession(code),
        "server_error" | "unknown_error" | "temporarily_unavailable" => {
            DataCloudRefusal::Unavailable(format!("the org answered {error}"))
        }
        _ => DataCloudRefusal::Refused(code),
    }
}

/// The code of an error in REST's form.
fn rest_code(body: &[u8]) -> Option<ErrorCode> {
    let errors: Value = serde_json::from_slice(body).ok()?;
    ErrorCode::parse(errors.get(0)?.get("errorCode")?.as_str()?.as_bytes())
}

/// Seconds, as a number or as text.
fn life(told: Option<&Value>) -> Duration {
    let seconds = told.and_then(|told| told.as_u64().or_else(|| told.as_str()?.parse().ok()));
    seconds.filter(|seconds| *seconds > 0).map_or(UNTOLD_LIFE, Duration::from_secs).min(MAX_LIFE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> DataCloudRefusal {
        read(status, Some(b"application/json"), body.as_bytes()).expect_err(body)
    }

    #[test]
    fn a_token_comes_with_its_host_and_its_life() {
        for (expires_in, life) in
            [("7193", 7193), ("\"7193\"", 7193), ("null", 1800), ("0", 1800), ("-5", 1800), ("9999999", 86400)]
        {
            let body = format!(
                r#"{{"access_token":"eyJ.x.y","instance_url":"mvst8x.c360a.salesforce.com","token_type":"Bearer","expires_in":{expires_in}}}"#
            );
            let token = read(200, Some(b"application/json"), body.as_bytes()).unwrap();
            assert_eq!(token.access_token.expose(), "eyJ.x.y");
            assert_eq!(token.instance_url, "mvst8x.c360a.salesforce.com");
            assert_eq!(token.life, Duration::from_secs(life), "{expires_in}");
        }
    }

    #[test]
    fn refusals_are_told_apart_wherever_they_come() {
        use DataCloudRefusal::{DeadSession, Refused, ScopeMissing};
        let code = |text: &str| ErrorCode::parse(text.as_bytes());
        for (status, body, expected) in [
            (200, r#"{"error":"invalid_scope","error_description":"x"}"#, ScopeMissing),
            (400, r#"{"error":"invalid_scope"}"#, ScopeMissing),
            (400, r#"{"error":"invalid_grant"}"#, DeadSession(code("invalid_grant"))),
            (
                200,
                r#"{"error":"invalid_grant","access_token":"x","instance_url":"y"}"#,
                DeadSession(code("invalid_grant")),
            ),
            (
                401,
                r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#,
                DeadSession(code("INVALID_SESSION_ID")),
            ),
            (400, r#"{"error":"invalid_request"}"#, Refused(code("invalid_request"))),
            (400, r#"{"error":"two words"}"#, Refused(None)),
            (404, r#"[{"message":"x","errorCode":"NOT_FOUND"}]"#, Refused(code("NOT_FOUND"))),
            (403, "<html></html>", Refused(None)),
        ] {
            assert_eq!(refused(status, body), expected, "{status} {body}");
        }
        for (status, body) in [
            (200, "{}"),
            (200, "<html></html>"),
            (200, r#"{"access_token":"x"}"#),
            (429, r#"{"error":"invalid_scope"}"#),
            (503, r#"{"error":"invalid_grant"}"#),
            (500, ""),
            (302, ""),
            (400, r#"{"error":"server_error"}"#),
        ] {
            assert!(matches!(refused(status, body), DataCloudRefusal::Unavailable(_)), "{status} {body}");
        }
    }
}
