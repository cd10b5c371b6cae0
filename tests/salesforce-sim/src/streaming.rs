//! The streaming API at `/cometd/NN.0`: Bayeux messages over HTTP, as CometD speaks it. A refusal is a message in
//! a 200. A client id is good only with the cookies that its handshake was given, for 40 seconds without a poll,
//! and no longer than the session that shook hands.

mod channel;
mod clients;
mod message;
mod poll;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::{Call, Presented};
use crate::dead_session::ApiFamily;
use crate::doors::Site;
use crate::state::sessions::{Admission, Identity};
use crate::stop::Stop;
use crate::upload::{Upload, UploadError};
use clients::Cookies;
use message::{Message, Refusal, messages};

pub(crate) use clients::Clients;

/// The largest body of a request, in bytes.
const BODY_LIMIT: usize = 32_768;

/// Who asks.
enum Caller {
    Nobody,
    DeadSession,
    User { user: Identity, token: String },
}

/// A request under way.
struct Bayeux<'a> {
    call: &'a Call,
    org_id: &'a str,
    caller: Caller,
    cookies: Option<Cookies>,
    replies: Vec<Value>,
    /// Whether a reply says that the session is dead.
    is_dead: bool,
}

pub(crate) async fn answer(call: &Call, org_id: &str, upload: Upload) -> Result<Answer, Stop> {
    if *call.method() != Method::POST || !is_endpoint(call.path()) {
        upload.drain().await?;
        // A probe for WebSocket ends here too.
        let status = if is_endpoint(call.path()) { StatusCode::BAD_REQUEST } else { StatusCode::NOT_FOUND };
        return Ok(page(status, "Only POST of Bayeux messages"));
    }
    let body = upload.collect(BODY_LIMIT).await.map_err(|error| match error {
        UploadError::TooLarge => page(StatusCode::PAYLOAD_TOO_LARGE, "Maximum Request Size Exceeded").into(),
        UploadError::Broken => Stop::Cut,
    })?;
    let messages = messages(&body).ok_or_else(|| page(StatusCode::BAD_REQUEST, "Not a list of Bayeux messages"))?;
    let caller = caller(call, org_id);
    let mut bayeux = Bayeux { call, org_id, caller, cookies: None, replies: Vec::new(), is_dead: false };
    let is_alone = messages.len() == 1;
    for message in &messages {
        bayeux.take(message, is_alone).await?;
    }
    Ok(bayeux.answered())
}

impl Bayeux<'_> {
    /// Serves one message. A poll is held only if it came alone.
    async fn take(&mut self, message: &Message, is_alone: bool) -> Result<(), Stop> {
        let done = match message.channel.as_str() {
            "/meta/handshake" => self.handshake(message),
            "/meta/connect" => self.connect(message, is_alone).await?,
            "/meta/subscribe" => self.subscribe(message),
            "/meta/unsubscribe" => self.unsubscribe(message),
            "/meta/disconnect" => self.disconnect(message),
            // Events are published over other APIs.
            _ => Err(Refusal::PublishDenied),
        };
        let reply = match done {
            Ok(reply) => reply,
            Err(refusal) => {
                self.is_dead |= refusal == Refusal::DeadSession;
                refusal.reply(message)
            }
        };
        self.replies.push(reply);
        Ok(())
    }

    fn answered(self) -> Answer {
        let mut answer = Answer::json(StatusCode::OK, &Value::from(self.replies));
        if let Some(cookies) = &self.cookies {
            let is_secure = self.call.shared.doors.scheme == "https";
            for cookie in cookies.set(self.call.shared.now(), is_secure) {
                answer = answer.cookie(&cookie);
            }
        }
        if self.is_dead { answer.dead() } else { answer }
    }

    /// The user behind a message.
    fn user(&self) -> Result<(&Identity, &str), Refusal> {
        match &self.caller {
            Caller::Nobody => Err(Refusal::NoToken),
            Caller::DeadSession => Err(Refusal::DeadSession),
            Caller::User { user, token } => Ok((user, token)),
        }
    }

    fn handshake(&mut self, message: &Message) -> Result<Value, Refusal> {
        let (user, token) = self.user()?;
        if !message.speaks_long_polling() {
            return Err(Refusal::NoConnectionType);
        }
        let shared = &self.call.shared;
        let now = shared.now();
        let mut world = shared.world();
        let clients = &mut world.org_mut(self.org_id).streaming;
        let (client_id, cookies) = clients.greet(now, user, token, Cookies::of(self.call));
        drop(world);
        self.cookies = cookies;
        let mut reply = message.reply();
        reply["clientId"] = client_id.into();
        reply["version"] = "1.0".into();
        reply["minimumVersion"] = "1.0".into();
        reply["supportedConnectionTypes"] = json!(["long-polling"]);
        reply["ext"] = json!({"replay": true, "payload.format": true});
        Ok(reply)
    }
}

/// `/cometd/59.0`, with or without what some clients put after it: `/handshake`, `/connect`, a slash.
fn is_endpoint(path: &str) -> bool {
    let version = path.strip_prefix("/cometd/").and_then(|below| below.split('/').next());
    let number = version.and_then(|version| version.strip_suffix(".0"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn caller(call: &Call, org_id: &str) -> Caller {
    let Presented::Token(token) = call.bearer() else {
        return Caller::Nobody;
    };
    let now = call.shared.now();
    let mut world = call.shared.world();
    // A host that its org has left knows none of its sessions.
    if matches!(&call.site, Site::Org { door, .. } if world.org(org_id).door != *door) {
        return Caller::DeadSession;
    }
    match world.admit(now, Some(org_id), ApiFamily::Streaming, &token) {
        Admission::Live(user) => Caller::User { user, token },
        Admission::Foreign => {
            call.entry.foreign_token();
            Caller::DeadSession
        }
        Admission::Dead | Admission::NotForRest => Caller::DeadSession,
    }
}

fn page(status: StatusCode, text: &str) -> Answer {
    Answer::html(status, format!("<html><body><h1>{text}</h1></body></html>"))
}

#[cfg(test)]
mod tests {
    use super::is_endpoint;

    #[test]
    fn the_endpoint_has_a_version_and_may_have_a_suffix() {
        for path in ["/cometd/59.0", "/cometd/59.0/", "/cometd/59.0/handshake"] {
            assert!(is_endpoint(path), "{path}");
        }
        for path in ["/cometd", "/cometd/", "/cometd/59", "/cometd/.0", "/cometd/a.0/connect"] {
            assert!(!is_endpoint(path), "{path}");
        }
    }
}
