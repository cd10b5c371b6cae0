//! Bayeux messages that the proxy answers with itself, one for each message of the request.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use serde::Serialize;
use serde_json::Value;

use crate::proxy::body::Body;
use crate::proxy::error::ProxyError;
use crate::salesforce::bayeux::Message;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    successful: bool,
    error: &'a str,
    advice: Advice,
}

/// What a client is to do now.
#[derive(Clone, Copy, Serialize)]
struct Advice {
    reconnect: &'static str,
    /// Always 0 where a client is to come again: its poll is held instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
}

/// An error as Bayeux has it. A client goes on by itself after one that is over by then, and gives up after any other.
pub fn refusal(error: &ProxyError, messages: &[Message]) -> String {
    let (status, code) = (error.status().as_u16(), error.code().as_salesforce());
    let advice = if error.status().is_server_error() {
        Advice { reconnect: "retry", interval: Some(0) }
    } else {
        Advice { reconnect: "none", interval: None }
    };
    replies(messages, &format!("{status}::{code}: {}", error.text()), advice)
}

/// Salesforce's own word for a client id that is no more: clients shake hands again, and subscribe from where they are.
pub(super) fn client_lost(messages: &[Message]) -> Response<Body> {
    let advice = Advice { reconnect: "handshake", interval: Some(0) };
    let body = replies(messages, "403::Unknown client", advice);
    let mut response = Response::new(Body::own(Bytes::from(body)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Where the request could not be read there is no message to answer, and one that is about nothing says it.
fn replies(messages: &[Message], error: &str, advice: Advice) -> String {
    let mut replies: Vec<_> = messages.iter().map(|message| Reply::about(message, error, advice)).collect();
    if replies.is_empty() {
        replies.push(Reply { channel: None, id: None, client_id: None, successful: false, error, advice });
    }
    serde_json::to_string(&replies).expect("texts are always JSON")
}

impl<'a> Reply<'a> {
    fn about(message: &'a Message, error: &'a str, advice: Advice) -> Self {
        let Message { channel, id, client_id } = message;
        let (channel, client_id) = (Some(channel.as_str()), client_id.as_deref());
        Self { channel, id: id.as_ref(), client_id, successful: false, error, advice }
    }
}
