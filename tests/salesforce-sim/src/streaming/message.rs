//! Bayeux messages: what is read of them, and how a refusal reads.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::dead_session::AUTHENTICATION_INVALID;

/// A message received.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) channel: String,
    id: Option<Value>,
    pub(super) client_id: Option<String>,
    pub(super) subscription: Option<Subscription>,
    #[serde(default)]
    ext: Ext,
    #[serde(default)]
    advice: Advice,
    supported_connection_types: Option<Vec<String>>,
}

/// One channel, or several at once.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Subscription {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
struct Ext {
    /// In a handshake a boolean, in a subscription where to begin, by channel.
    #[serde(default)]
    replay: Replay,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Replay {
    From(HashMap<String, i64>),
    Other(IgnoredAny),
}

#[derive(Debug, Default, Deserialize)]
struct Advice {
    timeout: Option<f64>,
}

impl Default for Replay {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

/// The messages of a body: one, or a list.
pub(super) fn messages(body: &[u8]) -> Option<Vec<Message>> {
    let list = match serde_json::from_slice(body).ok()? {
        Value::Array(list) => list,
        one => vec![one],
    };
    list.into_iter().map(|message| serde_json::from_value(message).ok()).collect()
}

impl Message {
    /// A reply that it has succeeded.
    pub(super) fn reply(&self) -> Value {
        let mut reply = json!({"channel": self.channel, "successful": true});
        if let Some(id) = &self.id {
            reply["id"] = id.clone();
        }
        reply
    }

    /// Where a subscription wants to begin.
    pub(super) fn replay_from(&self, channel: &str) -> Option<i64> {
        match &self.ext.replay {
            Replay::From(from) => from.get(channel).copied(),
            Replay::Other(_) => None,
        }
    }

    /// Whether a poll asks not to be held.
    pub(super) fn is_in_haste(&self) -> bool {
        self.advice.timeout == Some(0.0)
    }

    pub(super) fn speaks_long_polling(&self) -> bool {
        self.supported_connection_types.iter().flatten().any(|kind| kind == "long-polling")
    }
}

impl Subscription {
    pub(super) fn channels(&self) -> &[String] {
        match self {
            Self::One(channel) => std::slice::from_ref(channel),
            Self::Several(channels) => channels,
        }
    }

    /// As the reply repeats it.
    pub(super) fn shown(&self) -> Value {
        match self {
            Self::One(channel) => json!(channel),
            Self::Several(channels) => json!(channels),
        }
    }
}

/// Why a message was in vain.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoToken,
    DeadSession,
    UnknownClient,
    /// The client's own, but without the cookie that says so.
    NoBrowser(String),
    NoConnectionType,
    NoChannel(String),
    NoSubscription,
    NoPlace(i64),
    PublishDenied,
}

impl Refusal {
    pub(super) fn reply(&self, message: &Message) -> Value {
        let mut reply = message.reply();
        reply["successful"] = false.into();
        // CometD looks at what is subscribed only for clients that it knows (its `SubscribeHandler`).
        let is_about_it = matches!(self, Self::NoChannel(_) | Self::NoSubscription | Self::NoPlace(_));
        if let (Some(subscription), true) = (&message.subscription, is_about_it) {
            reply["subscription"] = subscription.shown();
        }
        let error = self.error();
        if message.channel == "/meta/handshake" {
            reply["ext"] = json!({"sfdc": {"failureReason": error}, "replay": true, "payload.format": true});
            reply["error"] = "403::Handshake denied".into();
        } else {
            reply["error"] = error.into();
        }
        let advised = match self {
            Self::NoToken | Self::DeadSession | Self::NoConnectionType => "none",
            Self::UnknownClient | Self::NoBrowser(_) => "handshake",
            Self::NoChannel(_) | Self::NoSubscription | Self::NoPlace(_) | Self::PublishDenied => return reply,
        };
        reply["advice"] = json!({"interval": 0, "reconnect": advised});
        reply
    }

    fn error(&self) -> String {
        match self {
            Self::NoToken => "401::Request requires authentication".to_owned(),
            Self::DeadSession => AUTHENTICATION_INVALID.to_owned(),
            Self::UnknownClient => "403::Unknown client".to_owned(),
            Self::NoBrowser(id) => {
                format!("400::Client {id} has established a session, but no BAYEUX_BROWSER cookie present")
            }
            Self::NoConnectionType => "400::Unsupported connection types".to_owned(),
            Self::NoChannel(name) => {
                format!("400::The channel you requested to subscribe to does not exist {{{name}}}")
            }
            Self::NoSubscription => "400::Subscription missing".to_owned(),
            Self::NoPlace(id) => format!(
                "400::The replayId {{{id}}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events."
            ),
            Self::PublishDenied => "403::Publish denied".to_owned(),
        }
    }
}
