//! Errors of the API: problem details (RFC 9457).

mod kind;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use self::kind::Kind;
use crate::management::Refusal;

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// A word for programs, as `urn:orgpass:problem:not-connected`.
    #[serde(rename = "type")]
    kind: String,
    /// The same for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened and what to do.
    detail: String,
    /// Each thing that is wrong with what was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldFault>,
    /// The cause, where Salesforce refuses the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
}

/// One thing that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FieldFault {
    /// The field.
    field: String,
    /// What is wrong with it.
    detail: String,
}

/// Every problem that a route may answer with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "says what there is in the description")]
pub(super) enum Problems {
    /// The path, query or body cannot be read.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] Problem),
    /// No token, or one that is not known.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] Problem),
    /// The token is not for this tenant.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Problem),
    /// There is no such connection.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Problem),
    /// The route has no such method.
    #[response(status = 405, content_type = "application/problem+json")]
    MethodNotAllowed(#[to_schema] Problem),
    /// Something else is there, or is being done.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
    /// The body is larger than 64 KiB.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Problem),
    /// What was sent is wrong, or Salesforce refuses.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(#[to_schema] Problem),
    /// Salesforce limits logins.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(#[to_schema] Problem),
    /// The record cannot be used, or this process is not set up for it.
    #[response(status = 500, content_type = "application/problem+json")]
    Failed(#[to_schema] Problem),
    /// Salesforce could not be reached to revoke.
    #[response(status = 502, content_type = "application/problem+json")]
    NotRevoked(#[to_schema] Problem),
    /// Store or Salesforce do not answer.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] Problem),
    /// It takes longer than a minute, and goes on; the audit trail says what comes of it.
    #[response(status = 504, content_type = "application/problem+json")]
    StillAtWork(#[to_schema] Problem),
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:orgpass:problem:{}", kind.as_str()),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            cause: None,
        }
    }

    /// What was sent cannot be read.
    pub(super) fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(Kind::Unreadable, detail)
    }

    /// A body that is too long.
    pub(super) fn too_large() -> Self {
        let detail = "The body must be at most 64 KiB.";
        Self::new(Kind::TooLarge, detail)
    }

    /// One field is wrong.
    pub(super) fn field(field: &str, detail: impl Into<String>) -> Self {
        let fault = FieldFault { field: field.to_owned(), detail: detail.into() };
        let detail = format!("{} {}", fault.field, fault.detail);
        let problem = Self::new(Kind::Input, detail);
        Self { errors: vec![fault], ..problem }
    }

    /// No token, or an unknown one.
    pub(super) fn unauthorized(detail: &str) -> Self {
        Self::new(Kind::Unauthorized, detail)
    }

    /// Another tenant's.
    pub(super) fn forbidden() -> Self {
        let detail = "The token is not for this tenant; hub.api_tokens_file says which it is for.";
        Self::new(Kind::Forbidden, detail)
    }

    pub(super) fn no_such_route() -> Self {
        let detail = "There is no such address; /openapi.json describes those there are.";
        Self::new(Kind::NoSuchRoute, detail)
    }

    pub(super) fn still_at_work() -> Self {
        let detail =
            "It goes on without you; GET /v1/audit says what came of it, and the same call again does what is left.";
        Self::new(Kind::StillAtWork, detail)
    }

    pub(super) fn wrong_method() -> Self {
        let detail = "The address does not have this method; /openapi.json describes those there are.";
        Self::new(Kind::WrongMethod, detail)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let of = |kind| Self::new(kind, detail.clone());
        match refusal {
            Refusal::Input(faults) => {
                let problem = of(Kind::Input);
                let fault = |fault: &crate::management::InputFault| FieldFault {
                    field: fault.key.clone(),
                    detail: fault.why.clone(),
                };
                Self { errors: faults.iter().map(fault).collect(), ..problem }
            }
            Refusal::NotConnected => of(Kind::NotConnected),
            Refusal::NoApp => of(Kind::NoApp),
            Refusal::AppInUse(_) => of(Kind::AppInUse),
            Refusal::Conflict(_) => of(Kind::Conflict),
            Refusal::TokenHeld(_) => of(Kind::TokenHeld),
            Refusal::TokenSpent => of(Kind::TokenSpent),
            Refusal::AnotherOrg { .. } => of(Kind::AnotherOrg),
            Refusal::AnotherUser => of(Kind::AnotherUser),
            Refusal::InstallationNeeded => of(Kind::InstallationNeeded),
            Refusal::Busy => of(Kind::Busy),
            Refusal::Refused(cause) => {
                let problem = of(Kind::Refused);
                Self { cause: Some(cause.as_str()), ..problem }
            }
            Refusal::RateLimited => of(Kind::RateLimited),
            Refusal::Unavailable { .. } => of(Kind::Unavailable),
            Refusal::NotRevoked { .. } => of(Kind::NotRevoked),
            Refusal::Record { .. } => of(Kind::Record),
            Refusal::NoGrantKeys | Refusal::NoHub | Refusal::Failed { .. } => of(Kind::Failed),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("it was made of one");
        let body = serde_json::to_vec(&self).expect("texts serialize");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("5"))),
            StatusCode::TOO_MANY_REQUESTS => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("3600"))),
            _ => {}
        }
        response
    }
}
