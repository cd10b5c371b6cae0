//! One request under way: where it arrived, its head, its place in the record, and the fault that
//! strikes it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, COOKIE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method, Version};
use hyper::body::Incoming;
use url::form_urlencoded;

use crate::doors::{Service, Site};
use crate::faults::Struck;
use crate::record::{Arrival, Entry};
use crate::state::Shared;
use crate::upload::Upload;

pub(crate) const TOKEN_PATH: &str = "/services/oauth2/token";

pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) site: Site,
    pub(crate) entry: Entry,
    pub(crate) fault: Option<Struck>,
    /// The number of the exchange that it was, once it has been judged.
    pub(crate) exchange: OnceLock<usize>,
    parts: Parts,
    /// The path with doubled leading slashes collapsed, which the real service tolerates.
    path: String,
}

/// What a request says about its caller's token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    Token(String),
    Nothing,
    Malformed,
}

impl Call {
    /// Records the arrival and looks for a fault.
    pub(crate) fn arrived(shared: Arc<Shared>, site: Site, parts: Parts, incoming: Incoming) -> (Self, Upload) {
        let arrival = Arrival {
            org: match &site {
                Site::Org { org_id, .. } | Site::Service(Service::DataCloud { org_id }) => Some(org_id),
                Site::Login(_) | Site::Service(_) => None,
                Site::PubSub { org_id } => org_id.as_deref(),
            },
            method: &parts.method,
            path_and_query: asked(&parts),
            headers: &parts.headers,
            access_token: any_token(&parts),
        };
        let entry = shared.record.arrived(arrival);
        let upload = Upload::new(incoming, entry.again());
        let path = format!("/{}", parts.uri.path().trim_start_matches('/'));
        let mut call = Self { shared, site, entry, fault: None, exchange: OnceLock::new(), parts, path };
        call.fault = call.shared.faults.strike(&call);
        (call, upload)
    }

    pub(crate) fn org_id(&self) -> Option<&str> {
        match &self.site {
            Site::Org { org_id, .. } | Site::Service(Service::DataCloud { org_id }) => Some(org_id),
            Site::Login(_) | Site::Service(_) => None,
            Site::PubSub { org_id } => org_id.as_deref(),
        }
    }

    pub(crate) fn method(&self) -> &Method {
        &self.parts.method
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    pub(crate) fn path_and_query(&self) -> &str {
        self.parts.uri.path_and_query().map_or("/", |uri| uri.as_str())
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let sent = self.parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = sent.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The first value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        parameter(self.query().as_bytes(), name)
    }

    pub(crate) fn is_token_request(&self) -> bool {
        self.path == TOKEN_PATH && self.parts.method == Method::POST
    }

    pub(crate) fn is_absolute_form(&self) -> bool {
        self.parts.uri.authority().is_some()
    }

    pub(crate) fn body_is_gzipped(&self) -> bool {
        self.header(CONTENT_ENCODING.as_str()) == Some("gzip")
    }

    pub(crate) fn body_is_chunked(&self) -> bool {
        self.parts.headers.contains_key(TRANSFER_ENCODING)
    }

    /// Bytes of request line and headers, for Salesforce's limits on them.
    pub(crate) fn head_size(&self) -> (usize, usize) {
        let uri = self.path_and_query().len();
        let headers = self.parts.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        (uri, headers)
    }

    /// The token in `Authorization: Bearer` or `OAuth`, in any case.
    pub(crate) fn bearer(&self) -> Presented {
        let mut all = self.parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else {
            return if self.parts.headers.contains_key(AUTHORIZATION) {
                Presented::Malformed
            } else {
                Presented::Nothing
            };
        };
        let text = value.to_str().unwrap_or_default();
        match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth") => {
                Presented::Token(token.trim().to_owned())
            }
            _ => Presented::Malformed,
        }
    }

    /// The token in `X-SFDC-Session`.
    pub(crate) fn bulk_session(&self) -> Presented {
        match self.header("x-sfdc-session") {
            Some(token) => Presented::Token(token.to_owned()),
            None => Presented::Nothing,
        }
    }

    /// Client id and secret of HTTP Basic.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let value = self.header(AUTHORIZATION.as_str())?;
        let (scheme, encoded) = value.split_once(' ')?;
        let decoded = STANDARD.decode(encoded.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (id, secret) = text.split_once(':')?;
        scheme.eq_ignore_ascii_case("basic").then(|| (id.to_owned(), secret.to_owned()))
    }
}

/// The first value of a parameter in a query or form.
pub(crate) fn parameter<'a>(form: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(form).find(|(known, _)| known == name).map(|(_, value)| value)
}

/// What the request line asks for. HTTP/2 has none, and an authority beside every path.
fn asked(parts: &Parts) -> String {
    match parts.uri.path_and_query() {
        Some(asked) if parts.version == Version::HTTP_2 => asked.to_string(),
        _ => parts.uri.to_string(),
    }
}

/// A token wherever a request carries one, for the record.
fn any_token(parts: &Parts) -> Option<String> {
    let text = |name: &str| parts.headers.get(name)?.to_str().ok();
    if let Some(token) = text("x-sfdc-session").or_else(|| text("accesstoken")) {
        return Some(token.to_owned());
    }
    if let Some((scheme, token)) = text("authorization").and_then(|value| value.split_once(' '))
        && !scheme.eq_ignore_ascii_case("basic")
    {
        return Some(token.trim().to_owned());
    }
    let query = parts.uri.query()?;
    parameter(query.as_bytes(), "oauth_token").map(Cow::into_owned)
}
