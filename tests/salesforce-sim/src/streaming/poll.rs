//! `/meta/connect`: the long poll. It is answered at once if there is something to deliver, if it is the first
//! after a handshake or came with other messages; else held until there is something, its time is up, a later poll
//! takes its place, or the session dies.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::channel::shown;
use super::clients::Cookies;
use super::message::{Message, Refusal};
use super::{Bayeux, Clients};
use crate::call::Call;
use crate::clock::millis;
use crate::dead_session::ApiFamily;
use crate::stop::Stop;

/// Why a poll is held no longer.
enum Ended {
    Delivering(Vec<Value>),
    WithNothing,
    ClientGone,
    SessionDead,
}

/// A poll that is held. However it ends, also when its caller goes away, the client is idle from then on.
struct Poll<'a> {
    call: &'a Call,
    org_id: &'a str,
    client_id: &'a str,
    token: &'a str,
    number: u64,
}

impl Bayeux<'_> {
    pub(super) async fn connect(&mut self, message: &Message, is_alone: bool) -> Result<Result<Value, Refusal>, Stop> {
        let (poll, is_first) = match self.begin_poll(message) {
            Ok(begun) => begun,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let may_hold = is_alone && !is_first && !message.is_in_haste();
        let ended = poll.ended(may_hold).await?;
        drop(poll);
        let mut reply = message.reply();
        reply["clientId"] = json!(message.client_id);
        if is_first {
            let longest = millis(self.call.shared.held.poll());
            reply["advice"] = json!({"interval": 0, "timeout": longest, "reconnect": "retry"});
        }
        Ok(match ended {
            Ended::Delivering(events) => {
                self.replies.extend(events);
                Ok(reply)
            }
            Ended::WithNothing => Ok(reply),
            Ended::ClientGone => {
                reply["advice"] = json!({"interval": 0, "reconnect": "none"});
                Ok(reply)
            }
            Ended::SessionDead => Err(Refusal::DeadSession),
        })
    }

    /// The poll, and whether it is the client's first.
    fn begin_poll<'a>(&'a self, message: &'a Message) -> Result<(Poll<'a>, bool), Refusal> {
        let (user, token) = self.user()?;
        let shared = &self.call.shared;
        let mut world = shared.world();
        let client_id = message.client_id.as_deref();
        let client = world.streaming_client(shared.now(), user, client_id, &Cookies::of(self.call))?;
        client.polls += 1;
        client.is_polling = true;
        let poll = Poll {
            call: self.call,
            org_id: self.org_id,
            client_id: client_id.unwrap_or_default(),
            token,
            number: client.polls,
        };
        drop(world);
        // An earlier poll of this client makes way.
        shared.held.wake();
        let is_first = poll.number == 1;
        Ok((poll, is_first))
    }
}

impl Poll<'_> {
    async fn ended(&self, may_hold: bool) -> Result<Ended, Stop> {
        let held = &self.call.shared.held;
        let mut listener = held.listen();
        let until = Instant::now() + held.poll();
        loop {
            if let Some(ended) = self.look() {
                return Ok(ended);
            }
            if !may_hold || Instant::now() >= until {
                return Ok(Ended::WithNothing);
            }
            listener.next().await.map_err(|_| Stop::Cut)?;
        }
    }

    fn look(&self) -> Option<Ended> {
        let now = self.call.shared.now();
        let mut world = self.call.shared.world();
        if !world.still_admits(now, self.org_id, ApiFamily::Streaming, self.token) {
            world.org_mut(self.org_id).streaming.remove(self.client_id);
            return Some(Ended::SessionDead);
        }
        match world.org_mut(self.org_id).streaming.get_mut(self.client_id) {
            None => return Some(Ended::ClientGone),
            Some(client) if client.polls != self.number => return Some(Ended::WithNothing),
            Some(_) => {}
        }
        let news = Clients::unread(&mut world, now, self.org_id, self.client_id);
        (!news.is_empty()).then(|| Ended::Delivering(news.iter().map(|event| shown(event)).collect()))
    }
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        let now = self.call.shared.now();
        let mut world = self.call.shared.world();
        world.org_mut(self.org_id).streaming.poll_ended(now, self.client_id, self.number);
    }
}
