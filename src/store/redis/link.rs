//! The way to Redis, the same for one server, a master that Sentinels know, and a Cluster: a command with its key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, Value};

use super::cluster::Cluster;
use super::connect::{Address, Credentials, Door};
use super::errors::Failure;
use super::presence::Presence;
use super::scripts::Call;
use super::sentinel::Sentinels;
use super::server::{Place, Request, Server};
use crate::store::StoreError;
use crate::store::redis_url::{Group, RedisUrl};

/// The way to Redis. Clones are the same.
#[derive(Clone)]
pub(super) struct Link(Arc<Way>);

enum Way {
    One(Server),
    Cluster(Box<Cluster>),
}

impl Link {
    /// Nothing is sent yet. Fails only for what can never work.
    pub(super) fn new(
        url: &RedisUrl,
        credentials: &Arc<dyn Credentials>,
        timeout: Duration,
        presence: Presence,
    ) -> Result<Self, StoreError> {
        let door = Arc::new(Door::new(url, credentials, false)?);
        let one = |place| Way::One(Server::new(place, timeout, presence.clone()));
        Ok(Self(Arc::new(match &url.group {
            Group::One => {
                let address = door.addresses.first().ok_or(Failure::SlotUnserved)?.clone();
                one(Place::At(door, address))
            }
            Group::Sentinel(master) => {
                let sentinels = Door::new(url, credentials, true)?;
                one(Place::MasterOf(Arc::new(Sentinels::new(sentinels, door, master.clone(), timeout))))
            }
            Group::Cluster => Way::Cluster(Box::new(Cluster::new(door, timeout, presence))),
        })))
    }

    /// Sends a command about a key. It may be sent again if its answer is lost.
    pub(super) async fn query<T: FromRedisValue>(&self, key: &str, command: &Cmd) -> Result<T, StoreError> {
        self.send(key, command, true).await.map_err(|failure| failure.of(command))
    }

    /// Sends a command about a key, which is not sent again if its answer is lost.
    pub(super) async fn query_once<T: FromRedisValue>(&self, key: &str, command: &Cmd) -> Result<T, StoreError> {
        self.send(key, command, false).await.map_err(|failure| failure.of(command))
    }

    /// Runs a script about the keys of one slot, which the server is told only if it does not know it.
    pub(super) async fn call<T: FromRedisValue>(&self, call: &Call) -> Result<T, StoreError> {
        match self.send(call.key(), &call.by_hash(), true).await {
            Err(failure) if failure.is_unknown_script() => self.query(call.key(), &call.whole()).await,
            said => said.map_err(|failure| failure.of(&call.by_hash())),
        }
    }

    /// Sends commands that are safe to repeat, each about its key, and gives their answers in order.
    pub(super) async fn queries<T: FromRedisValue>(&self, commands: &[(String, Cmd)]) -> Result<Vec<T>, StoreError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let cluster = match &*self.0 {
            Way::One(server) => return Ok(pipeline(server, commands.iter().map(|(_, command)| command)).await?),
            Way::Cluster(cluster) => cluster,
        };
        let mut parts: HashMap<Address, Vec<usize>> = HashMap::new();
        for (number, (key, _)) in commands.iter().enumerate() {
            parts.entry(cluster.owner(key).await?).or_default().push(number);
        }
        let mut answers: Vec<Option<T>> = commands.iter().map(|_| None).collect();
        for (node, numbers) in parts {
            let part = numbers.iter().map(|number| &commands[*number].1);
            match pipeline(&cluster.server(&node), part).await {
                Ok(said) => numbers.iter().zip(said).for_each(|(number, said)| answers[*number] = Some(said)),
                // One by one they find their way, or say which of them fails.
                Err(_) => {
                    for number in numbers {
                        let (key, command) = &commands[number];
                        answers[number] = Some(read(cluster.query(key, command, true).await?)?);
                    }
                }
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Where the key is, for a connection apart; the name tells places apart.
    pub(super) async fn place(&self, key: &str) -> Result<(Option<Address>, Place), StoreError> {
        match &*self.0 {
            Way::One(server) => Ok((None, server.place.clone())),
            Way::Cluster(cluster) => {
                let node = cluster.owner(key).await?;
                let place = cluster.server(&node).place.clone();
                Ok((Some(node), place))
            }
        }
    }

    /// Looks anew where keys are: a server has said that one is not there.
    pub(super) async fn look_again(&self) {
        if let Way::Cluster(cluster) = &*self.0 {
            cluster.look_again().await;
        }
    }

    /// A server that hears every announcement, another at each turn.
    pub(super) fn listening_place(&self, turn: usize) -> Result<Place, StoreError> {
        match &*self.0 {
            Way::One(server) => Ok(server.place.clone()),
            Way::Cluster(cluster) => {
                let nodes = cluster.nodes();
                let node = nodes.get(turn % nodes.len().max(1)).ok_or(Failure::SlotUnserved)?;
                Ok(cluster.server(node).place.clone())
            }
        }
    }

    /// Sends a command to every master.
    pub(super) async fn query_masters<T: FromRedisValue>(&self, command: &Cmd) -> Result<Vec<T>, StoreError> {
        let cluster = match &*self.0 {
            Way::One(server) => return Ok(vec![read(server.send(Request::One(command), true).await?)?]),
            Way::Cluster(cluster) => cluster,
        };
        // Whoever asks about no key in particular still wants to know of all nodes.
        cluster.owner("").await?;
        let mut answers = Vec::new();
        for node in cluster.nodes() {
            answers.push(read(cluster.server(&node).send(Request::One(command), true).await?)?);
        }
        Ok(answers)
    }

    /// Watches what no command may notice, without end.
    pub(super) async fn watch(self) {
        if let Way::Cluster(cluster) = &*self.0 {
            cluster.watch().await;
        }
    }

    async fn send<T: FromRedisValue>(&self, key: &str, command: &Cmd, repeatable: bool) -> Result<T, Failure> {
        read(match &*self.0 {
            Way::One(server) => server.send(Request::One(command), repeatable).await?,
            Way::Cluster(cluster) => cluster.query(key, command, repeatable).await?,
        })
    }
}

async fn pipeline<'a, T: FromRedisValue>(
    server: &Server,
    commands: impl Iterator<Item = &'a Cmd>,
) -> Result<Vec<T>, Failure> {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    read(server.send(Request::Together(&pipeline), true).await?)
}

fn read<T: FromRedisValue>(answer: Value) -> Result<T, Failure> {
    Ok(redis::from_redis_value(answer).map_err(redis::RedisError::from)?)
}
