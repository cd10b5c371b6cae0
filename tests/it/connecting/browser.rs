//! A browser without a screen: cookies, forms and redirects, between the hub and Salesforce.

use std::collections::BTreeMap;

use url::form_urlencoded;

use crate::caller::{Call, Caller, Reply};
use crate::world::{Seen, World};

/// What browsers know the hub by; its real address is another, as behind an ingress.
pub const PUBLIC_URL: &str = "https://connect.example.com";

pub struct Browser {
    hub: Caller,
    seen: Seen,
    cookies: BTreeMap<String, String>,
    csrf: String,
}

impl Browser {
    pub fn of(world: &World) -> Self {
        Self::at(world.hub(), world)
    }

    /// A browser that the ingress leads to this hub.
    pub fn at(hub: Caller, world: &World) -> Self {
        Self { hub, seen: world.seen.clone(), cookies: BTreeMap::new(), csrf: String::new() }
    }

    /// From now on the ingress leads to another hub.
    pub fn move_to(&mut self, hub: Caller) {
        self.hub = hub;
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        let reply = self.hub.get(path).header("cookie", self.cookie()).send().await;
        let reply = self.keep(reply);
        match reply.location().map(str::to_owned) {
            Some(location) if location.starts_with('/') => Box::pin(self.get(&location)).await,
            _ => reply,
        }
    }

    /// Sends a form of the page that was seen last.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let csrf = self.csrf.clone();
        let form =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).append_pair("csrf", &csrf).finish();
        self.post_as_is(path, &form).await
    }

    pub async fn post_as_is(&mut self, path: &str, form: &str) -> Reply {
        let call = self.hub.post(path, form.to_owned()).header("cookie", self.cookie());
        let reply = call.header("content-type", "application/x-www-form-urlencoded").send().await;
        self.keep(reply)
    }

    /// Presses "Continue to Salesforce", and gives where that leads.
    pub async fn begin(&mut self, path: &str, environment: &str) -> String {
        let reply = self.post(path, &[("environment", environment)]).await;
        reply.location().unwrap_or_else(|| panic!("{}: {}", reply.status, reply.text())).to_owned()
    }

    /// Allows at Salesforce, and gives the address that the browser is sent back to.
    pub async fn consent(&mut self, asked: &str, username: &str) -> String {
        let user: String = form_urlencoded::byte_serialize(username.as_bytes()).collect();
        self.at_salesforce(&format!("{asked}&sim_allow={user}")).await
    }

    /// Allows at Salesforce, and comes back.
    pub async fn allow(&mut self, asked: &str, username: &str) -> Reply {
        let callback = self.consent(asked, username).await;
        self.follow(&callback).await
    }

    /// Presses "Deny" at Salesforce, and comes back.
    pub async fn deny(&mut self, asked: &str) -> Reply {
        let callback = self.at_salesforce(&format!("{asked}&sim_deny=1")).await;
        self.follow(&callback).await
    }

    /// Comes back as if Salesforce had sent it with this.
    pub async fn come_back_with(&mut self, asked: &str, result: &[(&str, &str)]) -> Reply {
        let (_, query) = asked.split_once('?').unwrap();
        let (_, state) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "state").unwrap();
        let query =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(result).append_pair("state", &state).finish();
        self.get(&format!("/oauth/callback?{query}")).await
    }

    /// Follows an address of the hub.
    pub async fn follow(&mut self, address: &str) -> Reply {
        let path = address.strip_prefix(PUBLIC_URL).expect("an address of the hub").to_owned();
        self.get(&path).await
    }

    /// Answers the question whether it is the right org.
    pub async fn answer(&mut self, path: &str, answer: &str) -> Reply {
        self.post(&format!("{path}/confirm"), &[("answer", answer)]).await
    }

    /// The same, to the page after it.
    pub async fn confirm(&mut self, path: &str, answer: &str) -> Reply {
        let reply = self.answer(path, answer).await;
        match reply.location().map(str::to_owned) {
            Some(location) if location.starts_with('/') => self.get(&location).await,
            _ => reply,
        }
    }

    /// A call for an address of the hub, with the browser's cookies.
    pub fn call(&self, path: &str) -> Call {
        self.hub.get(path).header("cookie", self.cookie())
    }

    /// The answer to the question, to be sent.
    pub fn submit(&self, path: &str, answer: &str) -> Call {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("answer", answer)
            .append_pair("csrf", &self.csrf)
            .finish();
        let call = self.hub.post(path, form).header("cookie", self.cookie());
        call.header("content-type", "application/x-www-form-urlencoded")
    }

    async fn at_salesforce(&mut self, address: &str) -> String {
        let (_, rest) = address.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        let salesforce = Caller::new(authority.parse().unwrap(), Seen::default());
        let reply = salesforce.get(&format!("/{path}")).send().await;
        reply.location().unwrap_or_else(|| panic!("{}: {}", reply.status, reply.text())).to_owned()
    }

    fn cookie(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep(&mut self, reply: Reply) -> Reply {
        self.seen.add(&reply.body);
        for cookie in reply.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        if let Some((_, rest)) = reply.text().split_once("name=\"csrf\" value=\"") {
            self.csrf = rest.split('"').next().unwrap().to_owned();
        }
        reply
    }
}
