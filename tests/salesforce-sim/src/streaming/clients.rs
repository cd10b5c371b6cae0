//! Clients that have shaken hands: whose they are, by which cookies they are known, and how far each has read the
//! channels that it has subscribed to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::calendar::cookie_date;
use crate::call::Call;
use crate::clock::Millis;
use crate::events::{Channel, Event};
use crate::ids;
use crate::state::World;
use crate::state::sessions::Identity;

use super::message::Refusal;

/// How long a client may stay without a poll.
const PATIENCE: Millis = 40_000;
/// How long the cookie that leads to a client's server lasts.
const STICKY: Millis = 3 * 60 * 60 * 1000;

/// The clients of an org, by client id.
#[derive(Default)]
pub(crate) struct Clients(HashMap<String, Client>);

pub(super) struct Client {
    user_id: String,
    /// The session that shook hands.
    token: String,
    cookies: Cookies,
    /// Since when no poll of it is held.
    idle_since: Millis,
    /// How many polls it has begun, and whether the last is held.
    pub(super) polls: u64,
    pub(super) is_polling: bool,
    /// The last replay id read, by channel.
    pub(super) read: BTreeMap<Channel, u64>,
}

/// The cookies of a client: which server has it, and which browser it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cookies {
    stream: String,
    browser: String,
}

impl Cookies {
    /// Those that a request brings; one that it does not bring is empty.
    pub(super) fn of(call: &Call) -> Self {
        let brought = |name| call.cookie(name).unwrap_or_default().to_owned();
        Self { stream: brought("sfdc-stream"), browser: brought("BAYEUX_BROWSER") }
    }

    fn new() -> Self {
        Self { stream: format!("!{}", ids::random_text(60)), browser: ids::random_text(40) }
    }

    /// As `Set-Cookie` has them.
    pub(super) fn set(&self, now: Millis, is_secure: bool) -> [String; 2] {
        let secure = if is_secure { "; Secure" } else { "" };
        let Self { stream, browser } = self;
        let expires = cookie_date(now + STICKY);
        [
            format!("sfdc-stream={stream}; path=/; Expires={expires}; SameSite=None{secure}"),
            format!("BAYEUX_BROWSER={browser}; Path=/; HttpOnly{secure}"),
        ]
    }
}

impl Clients {
    /// A new client's id, and its cookies if the request brought none that this org has given.
    pub(super) fn greet(
        &mut self,
        now: Millis,
        user: &Identity,
        token: &str,
        brought: Cookies,
    ) -> (String, Option<Cookies>) {
        let is_known = self.0.values().any(|client| client.cookies == brought);
        let cookies = if is_known { brought } else { Cookies::new() };
        let client = Client {
            user_id: user.user_id.clone(),
            token: token.to_owned(),
            cookies: cookies.clone(),
            idle_since: now,
            polls: 0,
            is_polling: false,
            read: BTreeMap::new(),
        };
        let client_id = ids::uuid().replace('-', "");
        self.0.insert(client_id.clone(), client);
        (client_id, (!is_known).then_some(cookies))
    }

    pub(super) fn get_mut(&mut self, client_id: &str) -> Option<&mut Client> {
        self.0.get_mut(client_id)
    }

    pub(super) fn remove(&mut self, client_id: &str) {
        self.0.remove(client_id);
    }

    /// The poll of this number is held no longer.
    pub(super) fn poll_ended(&mut self, now: Millis, client_id: &str, number: u64) {
        if let Some(client) = self.0.get_mut(client_id)
            && client.polls == number
        {
            client.is_polling = false;
            client.idle_since = now;
        }
    }

    /// What a client has not read yet, in the order of publication; it counts as read from now on.
    pub(super) fn unread(world: &mut World, now: Millis, org_id: &str, client_id: &str) -> Vec<Arc<Event>> {
        let org = world.org_mut(org_id);
        let Some(client) = org.streaming.get_mut(client_id) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        for (channel, read) in &mut client.read {
            let news = org.events.after(now, channel, *read);
            if let Some(last) = news.last() {
                *read = last.replay_id;
            }
            events.extend(news);
        }
        events.sort_by_key(|event| event.replay_id);
        events
    }
}

impl World {
    /// The client that a message names, if it is there and may be named by this user with these cookies. One that
    /// has been idle for too long, or whose session has died, is gone.
    pub(super) fn streaming_client(
        &mut self,
        now: Millis,
        user: &Identity,
        client_id: Option<&str>,
        cookies: &Cookies,
    ) -> Result<&mut Client, Refusal> {
        let client_id = client_id.ok_or(Refusal::UnknownClient)?;
        let org = self.org(&user.org_id);
        let client = org.streaming.0.get(client_id).ok_or(Refusal::UnknownClient)?;
        let is_idle = !client.is_polling && now >= client.idle_since.saturating_add(PATIENCE);
        if is_idle || !self.session_is_live(now, &client.token) {
            self.org_mut(&user.org_id).streaming.remove(client_id);
            return Err(Refusal::UnknownClient);
        }
        // Without this cookie the request has reached a server that does not have the client.
        if client.user_id != user.user_id || client.cookies.stream != cookies.stream {
            return Err(Refusal::UnknownClient);
        }
        if client.cookies.browser != cookies.browser {
            return Err(Refusal::NoBrowser(client_id.to_owned()));
        }
        Ok(self.org_mut(&user.org_id).streaming.get_mut(client_id).expect("it was there above"))
    }
}
