//! A Bayeux client that keeps no cookies.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::caller::{Caller, Reply};
use crate::world::World;

pub const ORDERS: &str = "/event/Order__e";
const PATH: &str = "/cometd/64.0";

#[derive(Clone)]
pub struct Client {
    pub caller: Caller,
    tags: Vec<(&'static str, String)>,
    pub id: Value,
    /// Where the last event that it has received stands.
    pub last: i64,
}

/// What events say, in their order.
pub fn numbers(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["data"]["payload"]["Number__c"].as_str()).collect()
}

impl Client {
    pub fn with_token(world: &World, tenant: &str) -> Self {
        Self::tagged(world, "authorization", format!("OAuth 00D000000000000!orgpass.{tenant}"))
    }

    pub fn with_headers(world: &World, tenant: &str) -> Self {
        Self::tagged(world, "orgpass-tenant", tenant.to_owned())
    }

    fn tagged(world: &World, name: &'static str, value: String) -> Self {
        Self { caller: world.caller(), tags: vec![(name, value)], id: Value::Null, last: -1 }
    }

    pub fn message(&self, channel: &str) -> Value {
        json!({"channel": channel, "clientId": self.id, "connectionType": "long-polling", "id": "1"})
    }

    /// Sends these messages with more headers.
    pub async fn send_with(&self, messages: Value, headers: &[(&str, &str)]) -> Reply {
        let mut call = self.caller.post(PATH, messages.to_string()).header("content-type", "application/json");
        for (name, value) in
            self.tags.iter().map(|(name, value)| (*name, value.as_str())).chain(headers.iter().copied())
        {
            call = call.header(name, value);
        }
        call.send().await
    }

    /// Sends messages whose answer is Bayeux.
    pub async fn send(&self, messages: Value) -> Vec<Value> {
        let reply = self.send_with(messages, &[]).await;
        assert_eq!((reply.status.as_u16(), reply.header("set-cookie")), (200, None), "{reply:?}");
        assert!(!reply.shows("401::"), "{}", reply.text());
        reply.json().as_array().unwrap().clone()
    }

    pub async fn handshake(&mut self) -> Value {
        let greeting = json!([{"channel": "/meta/handshake", "version": "1.0", "id": "h", "supportedConnectionTypes": ["long-polling"]}]);
        let reply = self.send(greeting).await.remove(0);
        self.id = reply["clientId"].clone();
        reply
    }

    pub async fn subscribe(&self, channel: &str, from: i64) -> Value {
        let mut message = self.message("/meta/subscribe");
        message["subscription"] = channel.into();
        message["ext"] = json!({"replay": {channel: from}});
        self.send(json!([message])).await.remove(0)
    }

    pub async fn connect(&mut self) -> Vec<Value> {
        let answer = self.send(json!([self.message("/meta/connect")])).await;
        self.last = answer.iter().filter_map(|one| one["data"]["event"]["replayId"].as_i64()).fold(self.last, i64::max);
        answer
    }

    /// Shakes hands, has its first answer, and subscribes.
    pub async fn begin(&mut self, channel: &str, from: i64) {
        assert_eq!(self.handshake().await["successful"], true);
        assert_eq!(self.connect().await.pop().unwrap()["successful"], true);
        let subscribed = self.subscribe(channel, from).await;
        assert_eq!(subscribed["successful"], true, "{subscribed}");
    }

    /// A connect on a task of its own.
    pub fn poll(&self) -> JoinHandle<Vec<Value>> {
        let mut client = self.clone();
        tokio::spawn(async move { client.connect().await })
    }

    /// Polls as real clients do, shaking hands when told to, until it has had so many events.
    pub async fn receive(&mut self, count: usize) -> Vec<String> {
        let mut received = Vec::new();
        while received.len() < count {
            let answer = self.connect().await;
            assert!(answer.iter().all(|message| message["advice"]["reconnect"] != "none"), "{answer:?}");
            received.extend(numbers(&answer).into_iter().map(str::to_owned));
            if answer.iter().any(|message| message["advice"]["reconnect"] == "handshake") {
                self.begin(ORDERS, self.last).await;
            }
        }
        received
    }
}
