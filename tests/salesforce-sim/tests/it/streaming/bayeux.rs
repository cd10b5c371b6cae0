//! A Bayeux client that keeps cookies and does nothing by itself.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::World;
use crate::client;

#[derive(Clone)]
pub(super) struct Bayeux {
    pub(super) url: String,
    pub(super) authorization: Option<String>,
    pub(super) cookie: String,
    pub(super) client_id: Value,
}

impl Bayeux {
    pub(super) fn of(world: &World) -> Self {
        Self {
            url: format!("{}/cometd/59.0", world.org.instance_url()),
            authorization: Some(format!("OAuth {}", world.tokens.access_token)),
            cookie: String::new(),
            client_id: Value::Null,
        }
    }

    /// One that has shaken hands and has had its first answer.
    pub(super) async fn connected(world: &World) -> Self {
        let mut client = Self::of(world);
        client.handshake().await;
        client.connect().await;
        world.sim.clear_requests();
        client
    }

    pub(super) fn message(&self, channel: &str) -> Value {
        json!({"channel": channel, "clientId": self.client_id, "connectionType": "long-polling", "id": "1"})
    }

    pub(super) async fn handshake(&mut self) -> Value {
        let mut message = self.message("/meta/handshake");
        message["version"] = "1.0".into();
        message["supportedConnectionTypes"] = json!(["long-polling"]);
        let reply = self.send(&json!([message])).await.remove(0);
        self.client_id = reply["clientId"].clone();
        reply
    }

    pub(super) async fn connect(&mut self) -> Vec<Value> {
        let message = self.message("/meta/connect");
        self.send(&message).await
    }

    pub(super) async fn subscribe(&mut self, channel: &str, from: i64) -> Value {
        let mut message = self.message("/meta/subscribe");
        message["subscription"] = channel.into();
        message["ext"] = json!({"replay": {channel: from}});
        self.send(&message).await.remove(0)
    }

    /// A connect on a task of its own.
    pub(super) fn poll(&self) -> JoinHandle<Vec<Value>> {
        let polling = self.try_poll();
        tokio::spawn(async move { polling.await.unwrap().unwrap() })
    }

    pub(super) fn try_poll(&self) -> JoinHandle<Result<Vec<Value>, hyper::Error>> {
        let mut client = self.clone();
        let message = client.message("/meta/connect");
        tokio::spawn(async move { client.try_send(&message).await })
    }

    pub(super) async fn send(&mut self, body: &Value) -> Vec<Value> {
        self.try_send(body).await.unwrap()
    }

    async fn try_send(&mut self, body: &Value) -> Result<Vec<Value>, hyper::Error> {
        let answer = self.post(body.to_string()).await?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let set = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
        let mine = set.filter(|cookie| !cookie.contains("domain=") && !cookie.contains("ConsentPolicy"));
        let pairs: Vec<&str> = mine.map(|cookie| cookie.split(';').next().unwrap()).collect();
        if !pairs.is_empty() {
            self.cookie = pairs.join("; ");
        }
        Ok(answer.json().as_array().unwrap().clone())
    }

    pub(super) async fn post(&self, body: String) -> Result<client::Answer, hyper::Error> {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(self.authorization.as_deref().map(|value| ("authorization", value)));
        if !self.cookie.is_empty() {
            headers.push(("cookie", &self.cookie));
        }
        client::send("POST", &self.url, &headers, body).await
    }
}
