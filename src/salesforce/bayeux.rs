//! Bayeux, the protocol of the streaming API: the few fields of its messages that matter here. A body is one message or a
//! list of them, in requests and answers alike (CometD's Bayeux specification, and Salesforce's Streaming API guide).

#[cfg(test)]
mod tests;

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The largest body of a request that Salesforce takes.
pub const MAX_REQUEST_BYTES: usize = 32_768;

/// Makes a client id.
pub const HANDSHAKE: &str = "/meta/handshake";
/// Asks for events, and is held until there are some.
pub const CONNECT: &str = "/meta/connect";
/// Ends a client id.
const DISCONNECT: &str = "/meta/disconnect";

/// A message of a request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// What it is about.
    pub channel: String,
    /// The caller's own name for it, which its reply repeats.
    pub id: Option<Value>,
    /// The client that it is from; a handshake has none yet.
    pub client_id: Option<String>,
}

/// Reads the messages of a request. `None` if they are not what Bayeux allows, or have one of these fields twice: two
/// readers could take different ones.
pub fn read(body: &[u8]) -> Option<Vec<Message>> {
    let messages: Vec<&RawValue> = if body.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice(body).ok()?
    } else {
        vec![serde_json::from_slice(body).ok()?]
    };
    messages.into_iter().map(RawValue::get).map(message).collect()
}

/// Only an object: a list of its fields' values would be read as one too.
fn message(json: &str) -> Option<Message> {
    json.starts_with('{').then(|| serde_json::from_str(json).ok()).flatten()
}

/// A message of an answer.
#[derive(Debug)]
pub struct Reply(Value);

impl Reply {
    /// The client that it is for, or that it has made.
    pub fn client_id(&self) -> Option<&str> {
        self.text("clientId")
    }

    /// Whether it has made this client id.
    pub fn is_handshake(&self) -> bool {
        self.is_about(HANDSHAKE)
    }

    /// Whether it says that something was in vain.
    pub fn is_refusal(&self) -> bool {
        self.0.get("successful") == Some(&Value::Bool(false))
    }

    /// Whether its client id is no more.
    pub fn ends_client(&self) -> bool {
        let is_unknown = self.is_refusal() && self.text("error").is_some_and(|error| error.starts_with("403::Unknown"));
        is_unknown || self.is_about(DISCONNECT)
    }

    /// Whether it says that the token is not accepted. A handshake says so under `403::Handshake denied`.
    pub fn is_of_dead_session(&self) -> bool {
        let reason = self.0.pointer("/ext/sfdc/failureReason").and_then(Value::as_str);
        let mut words = self.text("error").into_iter().chain(reason);
        self.is_refusal() && words.any(|word| word.starts_with("401::"))
    }

    fn is_about(&self, channel: &str) -> bool {
        self.text("channel") == Some(channel)
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).and_then(Value::as_str)
    }
}

/// The messages of an answer, as far as its beginning has them whole.
pub fn replies(beginning: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(beginning);
    // An error only says that the answer is cut off or is no JSON; what was read until then stands.
    let _ = json.deserialize_any(Replies(&mut replies));
    if replies.is_empty() {
        replies.extend(serde_json::from_slice(beginning).ok().filter(Value::is_object).map(Reply));
    }
    replies
}

struct Replies<'a>(&'a mut Vec<Reply>);

impl<'de> Visitor<'de> for Replies<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(message) = list.next_element()? {
            self.0.push(Reply(message));
        }
        Ok(())
    }
}
