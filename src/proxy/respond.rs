//! Turns a `ProxyError` into a response in the API family's own form, so that a client library shows it to its user.

mod objects;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::error::ProxyError;
use super::{grpc, streaming};
use crate::salesforce::ApiFamily;
use crate::salesforce::api_families::ErrorForm;
use crate::salesforce::bayeux::Message;

/// Tells the proxy's own errors from Salesforce's.
pub const ORGPASS_ERROR: HeaderName = HeaderName::from_static("orgpass-error");

// One client compares the JSON type as a whole, so it goes without a charset.
const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const SOAP: HeaderValue = HeaderValue::from_static("text/xml;charset=UTF-8");
const XML: HeaderValue = HeaderValue::from_static("application/xml");

/// The form of an error response.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ReplyForm {
    /// REST's list of errors as JSON; also for requests of no known family.
    #[default]
    RestJson,
    /// REST's list of errors as XML.
    RestXml,
    /// Bulk's error as JSON.
    BulkJson,
    /// Bulk's error as XML.
    BulkXml,
    /// A SOAP fault.
    Soap,
    /// Bayeux messages that answer these; none are known if the request could not be read.
    Bayeux(Arc<[Message]>),
    /// Data Cloud's object.
    DataCloud,
    /// Account Engagement's object.
    AccountEngagement,
    /// The platform's object with a list.
    Platform,
    /// A status of gRPC.
    Grpc,
}

impl ReplyForm {
    /// Chooses the form by the family and by what the request's headers say it reads.
    pub fn of(family: Option<ApiFamily>, headers: &HeaderMap) -> Self {
        let accepted = headers.get(ACCEPT).and_then(|value| preference(value.as_bytes()));
        match family.map_or(ErrorForm::Rest, |family| family.row().error_form) {
            ErrorForm::Rest if accepted == Some(Media::Xml) => Self::RestXml,
            ErrorForm::Rest => Self::RestJson,
            ErrorForm::Soap => Self::Soap,
            ErrorForm::Bayeux => Self::Bayeux(Arc::default()),
            ErrorForm::DataCloud => Self::DataCloud,
            ErrorForm::AccountEngagement => Self::AccountEngagement,
            ErrorForm::Platform => Self::Platform,
            ErrorForm::Grpc => Self::Grpc,
            ErrorForm::Bulk => {
                let sent = headers.get(CONTENT_TYPE).and_then(|value| media(value.as_bytes()));
                match sent.or(accepted) {
                    Some(Media::Json) => Self::BulkJson,
                    _ => Self::BulkXml,
                }
            }
        }
    }

    fn content_type(&self) -> HeaderValue {
        match self {
            Self::RestXml | Self::BulkXml => XML,
            Self::Soap => SOAP,
            Self::Grpc => grpc::CONTENT_TYPE,
            _ => JSON,
        }
    }

    fn body(&self, error: &ProxyError) -> String {
        let (status, code, message) = (error.status(), error.code().as_salesforce(), &*error.text());
        match self {
            Self::Grpc => String::new(),
            Self::RestJson => to_json(&[RestError { message, error_code: code }]),
            Self::BulkJson => to_json(&BulkError { exception_code: code, exception_message: message }),
            Self::DataCloud => objects::data_cloud(code, message),
            Self::AccountEngagement => objects::account_engagement(status, message),
            Self::Platform => objects::platform(code, message),
            Self::RestXml => format!(
                "{DECLARATION}<Errors><Error><errorCode>{code}</errorCode><message>{}</message></Error></Errors>",
                escape(message)
            ),
            Self::BulkXml => format!(
                "{DECLARATION}<error xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
                 <exceptionCode>{code}</exceptionCode><exceptionMessage>{}</exceptionMessage></error>",
                escape(message)
            ),
            Self::Soap => soap_fault(code, message),
            Self::Bayeux(messages) => streaming::refusal(error, messages),
        }
    }

    /// The status of a response: a SOAP fault's is always 500, or clients do not read it (SOAP 1.1, section 6.2), and
    /// Bayeux messages are read in a 200 only.
    fn status(&self, error: &ProxyError) -> StatusCode {
        match self {
            Self::Soap => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Bayeux(messages) if !messages.is_empty() => StatusCode::OK,
            _ => error.status(),
        }
    }
}

/// The response for an error.
pub fn respond(error: &ProxyError, form: ReplyForm) -> Response<Bytes> {
    if form == ReplyForm::Grpc {
        return grpc::refusal(error);
    }
    let mut response = Response::new(Bytes::from(form.body(error)));
    *response.status_mut() = form.status(error);
    let headers = response.headers_mut();
    headers.insert(ORGPASS_ERROR, HeaderValue::from_static(error.code().as_str()));
    headers.insert(CONTENT_TYPE, form.content_type());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(wait) = error.retry_after() {
        headers.insert(RETRY_AFTER, wait.as_secs().into());
    }
    if let ProxyError::InvalidRequest(_) = error {
        // Where one request's meaning is in doubt, so is where the next begins.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A SOAP fault in the form of Salesforce's own.
pub(super) fn soap_fault(code: &str, message: &str) -> String {
    let message = escape(message);
    format!(
        "{DECLARATION}<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\"><soapenv:Body><soapenv:Fault><faultcode>sf:{code}</faultcode>\
         <faultstring>{code}: {message}</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )
}

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

#[derive(Serialize)]
struct RestError<'a> {
    message: &'a str,
    #[serde(rename = "errorCode")]
    error_code: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BulkError<'a> {
    exception_code: &'a str,
    exception_message: &'a str,
}

fn to_json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("texts are always JSON")
}

/// Text as XML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The two forms that a body can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Json,
    Xml,
}

fn media(value: &[u8]) -> Option<Media> {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let essence = value[..end].trim_ascii();
    let is = |known: &[u8]| essence.eq_ignore_ascii_case(known);
    if is(b"application/json") {
        Some(Media::Json)
    } else if is(b"application/xml") || is(b"text/xml") {
        Some(Media::Xml)
    } else {
        None
    }
}

/// Which of the two an `Accept` value names with the greater weight; the first of equals.
fn preference(value: &[u8]) -> Option<Media> {
    let mut best: Option<(Media, u16)> = None;
    for range in value.split(|byte| *byte == b',') {
        let Some(named) = media(range) else { continue };
        let weight = weight(range);
        if weight > best.map_or(0, |(_, most)| most) {
            best = Some((named, weight));
        }
    }
    best.map(|(named, _)| named)
}

/// The `q` of a media range in thousandths (RFC 9110, section 12.4.2); 1 if there is none, or none that can be read.
fn weight(range: &[u8]) -> u16 {
    let q = range.split(|byte| *byte == b';').skip(1).find_map(|parameter| {
        let parameter = parameter.trim_ascii();
        parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="))
    });
    let number = q.and_then(|q| std::str::from_utf8(q).ok()?.parse::<f32>().ok());
    // Bounded first: a float out of range, or no number, is cut to the nearest end.
    number.map_or(1000, |number| (number.clamp(0.0, 1.0) * 1000.0) as u16)
}
