//! How each API family says that a session is dead. The forms are Salesforce's own and differ in status,
//! media type and wording; a client that knows one does not recognize the others.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::{Answer, JSON, PLAIN, XML};
use crate::soap;
use crate::{account_engagement, platform};

/// How the streaming API says it, inside a 200.
pub(crate) const AUTHENTICATION_INVALID: &str = "401::Authentication invalid";

/// APIs that take their token and report its death in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiFamily {
    /// `/services/data`, `/services/apexrest`.
    Rest,
    /// `/services/async`.
    Bulk1,
    /// `/services/Soap`.
    Soap,
    /// `/id` and `/services/oauth2/userinfo`.
    Identity,
    /// `/cometd`.
    Streaming,
    /// `/eventbus.v1.PubSub`, at an address of its own.
    PubSub,
    /// A Data Cloud tenant's own host.
    DataCloud,
    /// Account Engagement.
    AccountEngagement,
    /// `api.salesforce.com`.
    Platform,
}

impl ApiFamily {
    pub(crate) fn of(path: &str) -> Option<Self> {
        let below =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if below("/services/data") || below("/services/apexrest") {
            Some(Self::Rest)
        } else if below("/services/async") {
            Some(Self::Bulk1)
        } else if below("/services/Soap") {
            Some(Self::Soap)
        } else if below("/id") || below("/services/oauth2/userinfo") {
            Some(Self::Identity)
        } else if below("/cometd") {
            Some(Self::Streaming)
        } else {
            None
        }
    }

    /// The answer to a request with a token that is expired, revoked or unknown.
    pub(crate) fn dead_session(self, request: &HeaderMap) -> Answer {
        let answer = match self {
            Self::Rest => {
                rest_error(request, StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", "Session expired or invalid")
            }
            Self::Bulk1 => bulk_error(request, "InvalidSessionId", "Invalid session id"),
            Self::Soap => return soap::dead_session(),
            Self::Identity => Answer::new(StatusCode::FORBIDDEN, PLAIN, "Bad_OAuth_Token"),
            // To whoever polls; what else was asked is in the body.
            Self::Streaming => {
                let refusal = json!([{
                    "channel": "/meta/connect",
                    "successful": false,
                    "error": AUTHENTICATION_INVALID,
                    "advice": {"interval": 0, "reconnect": "none"},
                }]);
                Answer::json(StatusCode::OK, &refusal)
            }
            // Told by trailers, which no answer of HTTP/1.1 has.
            Self::PubSub => Answer::empty(StatusCode::UNAUTHORIZED),
            Self::DataCloud => {
                let body = json!({"error": "Unauthorized", "message": "Jwt is expired"});
                Answer::json(StatusCode::UNAUTHORIZED, &body)
            }
            Self::AccountEngagement => account_engagement::error(
                StatusCode::UNAUTHORIZED,
                184,
                "access_token is invalid, unknown, or malformed: Inactive token",
            ),
            Self::Platform => platform::error(StatusCode::UNAUTHORIZED, "JWT Token is invalid or expired"),
        };
        answer.dead()
    }
}

/// An error of the REST family: an array of one, or XML if that was asked for.
pub(crate) fn rest_error(request: &HeaderMap, status: StatusCode, code: &str, message: &str) -> Answer {
    if wants(request, ACCEPT.as_str(), "application/xml") {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Errors><Error><errorCode>{code}</errorCode><message>{message}</message></Error></Errors>"
        );
        return Answer::new(status, XML, body);
    }
    let body = json!([{"message": message, "errorCode": code}]);
    Answer::new(status, JSON, body.to_string())
}

/// An error of Bulk 1: always 400, and XML unless the request is a JSON one.
pub(crate) fn bulk_error(request: &HeaderMap, code: &str, message: &str) -> Answer {
    if is_json(request) {
        let body = json!({"exceptionCode": code, "exceptionMessage": message});
        return Answer::new(StatusCode::BAD_REQUEST, JSON, body.to_string());
    }
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><exceptionCode>{code}</exceptionCode><exceptionMessage>{message}</exceptionMessage></error>"
    );
    Answer::new(StatusCode::BAD_REQUEST, XML, body)
}

/// Whether a Bulk 1 request speaks JSON.
pub(crate) fn is_json(request: &HeaderMap) -> bool {
    wants(request, CONTENT_TYPE.as_str(), "application/json") || wants(request, ACCEPT.as_str(), "application/json")
}

fn wants(request: &HeaderMap, header: &str, media_type: &str) -> bool {
    request.get(header).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(family: ApiFamily, header: Option<(&'static str, &'static str)>) -> (u16, String) {
        let mut request = HeaderMap::new();
        if let Some((name, value)) = header {
            request.insert(name, value.parse().unwrap());
        }
        let answer = family.dead_session(&request);
        let body = answer.whole().unwrap().to_vec();
        (answer.status(), String::from_utf8(body).unwrap())
    }

    #[test]
    fn each_family_says_it_in_its_own_way() {
        assert_eq!(
            said(ApiFamily::Rest, None),
            (401, r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]"#.to_owned())
        );
        let (status, xml) = said(ApiFamily::Rest, Some(("accept", "application/xml")));
        assert_eq!(status, 401);
        assert!(xml.contains("<errorCode>INVALID_SESSION_ID</errorCode>"));

        let (status, xml) = said(ApiFamily::Bulk1, Some(("content-type", "text/csv")));
        assert_eq!(status, 400);
        assert!(xml.contains("<exceptionCode>InvalidSessionId</exceptionCode>"));
        let (status, json) = said(ApiFamily::Bulk1, Some(("content-type", "application/json")));
        assert_eq!(status, 400);
        assert!(json.contains(r#""exceptionCode":"InvalidSessionId""#));

        assert_eq!(said(ApiFamily::Identity, None), (403, "Bad_OAuth_Token".to_owned()));

        let (status, message) = said(ApiFamily::Streaming, None);
        assert_eq!(status, 200);
        assert!(message.contains(r#""error":"401::Authentication invalid""#));
    }
}
