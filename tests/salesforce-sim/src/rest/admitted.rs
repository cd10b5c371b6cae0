//! A request that an org's REST API has admitted: one that arrived, or one that came within another's body.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::{Call, parameter};
use crate::dead_session::rest_error;
use crate::state::orgs::OrgRecord;
use crate::state::records::RowError;
use crate::state::sessions::Identity;
use crate::stop::Stop;

pub(crate) struct Admitted<'a> {
    /// The request that arrived.
    pub(crate) call: &'a Call,
    pub(crate) org_id: &'a str,
    pub(crate) user: Identity,
    method: Method,
    path: Cow<'a, str>,
    query: Cow<'a, str>,
    pub(crate) body: Bytes,
}

impl<'a> Admitted<'a> {
    pub(crate) fn new(call: &'a Call, org_id: &'a str, user: Identity, body: Bytes) -> Self {
        let method = match *call.method() {
            Method::HEAD => Method::GET,
            // What a client says that cannot send the method itself.
            Method::POST => call
                .parameter("_HttpMethod")
                .and_then(|method| Method::from_bytes(method.as_bytes()).ok())
                .unwrap_or(Method::POST),
            ref other => other.clone(),
        };
        Self { call, org_id, user, method, path: call.path().into(), query: call.query().into(), body }
    }

    /// A request within this one's body, for a path with or without a query.
    pub(crate) fn within(&self, method: Method, url: &str, body: &Value) -> Self {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        Self {
            call: self.call,
            org_id: self.org_id,
            user: self.user.clone(),
            method,
            path: path.to_owned().into(),
            query: query.to_owned().into(),
            body,
        }
    }

    /// HEAD counts as GET.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The first value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        parameter(self.query.as_bytes(), name)
    }

    /// A query parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.parameter(name)?.parse().ok()
    }

    /// Refuses other methods.
    pub(crate) fn only(&self, allowed: &[Method]) -> Result<(), Stop> {
        if allowed.contains(&self.method) {
            return Ok(());
        }
        let allowed: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        Err(self.error(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            &format!("HTTP Method '{}' not allowed. Allowed are {}", self.method, allowed.join(",")),
        ))
    }

    /// The body as a JSON object.
    pub(crate) fn json(&self) -> Result<Map<String, Value>, Stop> {
        serde_json::from_slice(&self.body).map_err(|error| self.bad_request("JSON_PARSER_ERROR", &error.to_string()))
    }

    /// Reads or changes the org's state.
    pub(crate) fn with_org<T>(&self, work: impl FnOnce(&mut OrgRecord) -> T) -> T {
        work(self.call.shared.world().org_mut(self.org_id))
    }

    /// A refusal in the form of the REST API.
    pub(crate) fn error(&self, status: StatusCode, code: &str, message: &str) -> Stop {
        rest_error(self.call.headers(), status, code, message).into()
    }

    pub(crate) fn bad_request(&self, code: &str, message: &str) -> Stop {
        self.error(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found(&self) -> Stop {
        self.error(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    }

    /// The refusal to do a single record.
    pub(crate) fn refused(&self, error: &RowError) -> Stop {
        match error.code {
            "INVALID_CROSS_REFERENCE_KEY" => self.not_found(),
            "ENTITY_IS_DELETED" => self.error(StatusCode::NOT_FOUND, error.code, &error.message),
            code if error.fields.is_empty() => self.bad_request(code, &error.message),
            code => {
                let body = json!([{"message": error.message, "errorCode": code, "fields": error.fields}]);
                Answer::json(StatusCode::BAD_REQUEST, &body).into()
            }
        }
    }
}
