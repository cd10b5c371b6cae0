//! A Cluster: each command goes to the node that has its key, as far as is known, and on to where that node sends it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use redis::{Cmd, Value};

use super::connect::{Address, Door};
use super::errors::{Failure, Redirect};
use super::presence::Presence;
use super::server::{Place, Request, Server};
use super::slots::{Slots, slot_of};

/// Tries of one command: with what is known, with what a look has shown, and after a slot that is being moved.
const MAX_TRIES: usize = 4;
/// Shortest time between two looks at who has which slot.
const PAUSE: Duration = Duration::from_millis(50);
/// Time between two looks that nothing gave a reason for.
const WATCH: Duration = Duration::from_secs(5);

/// The nodes of a Cluster.
pub(super) struct Cluster {
    door: Arc<Door>,
    timeout: Duration,
    presence: Presence,
    known: Mutex<Known>,
    looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    slots: Arc<Slots>,
    servers: HashMap<Address, Arc<Server>>,
    looked: Option<Instant>,
    failure: Option<Failure>,
}

impl Cluster {
    pub(super) fn new(door: Arc<Door>, timeout: Duration, presence: Presence) -> Self {
        Self { door, timeout, presence, known: Mutex::default(), looking: tokio::sync::Mutex::default() }
    }

    /// Sends a command to the node that has the key.
    pub(super) async fn query(&self, key: &str, command: &Cmd, repeatable: bool) -> Result<Value, Failure> {
        let mut sent_to = self.owner(key).await?;
        let mut asking = false;
        for _ in 1..MAX_TRIES {
            let failure = match self.send(&sent_to, command, repeatable, asking).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            asking = false;
            match failure.redirect(&sent_to.host) {
                Some(Redirect::Moved(node)) => {
                    self.look_again().await;
                    sent_to = node;
                }
                Some(Redirect::Ask(node)) => (sent_to, asking) = (node, true),
                None if failure.is_of_a_lost_node() => {
                    self.look_again().await;
                    let owner = self.owner(key).await?;
                    // What may have been carried out is not repeated, unless that is safe.
                    if owner == sent_to || (!repeatable && failure.is_connection_dropped()) {
                        return Err(failure);
                    }
                    sent_to = owner;
                }
                None => return Err(failure),
            }
        }
        self.send(&sent_to, command, repeatable, asking).await
    }

    async fn send(&self, node: &Address, command: &Cmd, repeatable: bool, asking: bool) -> Result<Value, Failure> {
        let server = self.server(node);
        if !asking {
            return server.send(Request::One(command), repeatable).await;
        }
        let mut pipeline = redis::pipe();
        pipeline.cmd("ASKING").add_command(command.clone());
        let (_, answer): (Value, Value) =
            redis::from_redis_value(server.send(Request::Together(&pipeline), repeatable).await?)
                .map_err(redis::RedisError::from)?;
        Ok(answer)
    }

    /// Who has a key; looks if that is not known.
    pub(super) async fn owner(&self, key: &str) -> Result<Address, Failure> {
        let slot = slot_of(key);
        if let Some(owner) = self.slots().owner(slot) {
            return Ok(owner.clone());
        }
        let seen = self.known().looked;
        self.look(seen).await?;
        self.slots().owner(slot).cloned().ok_or(Failure::SlotUnserved)
    }

    /// The shared connection to one node.
    pub(super) fn server(&self, node: &Address) -> Arc<Server> {
        let mut known = self.known();
        if let Some(server) = known.servers.get(node) {
            return Arc::clone(server);
        }
        let place = Place::At(Arc::clone(&self.door), node.clone());
        let server = Arc::new(Server::new(place, self.timeout, self.presence.of_another()));
        known.servers.insert(node.clone(), Arc::clone(&server));
        server
    }

    /// Every node that has slots, as far as is known, or else those that were named.
    pub(super) fn nodes(&self) -> Vec<Address> {
        let slots = self.slots();
        let masters = slots.masters();
        if masters.is_empty() { self.door.addresses.clone() } else { masters.into_iter().cloned().collect() }
    }

    /// Looks who has which slot now, unless that was just done.
    pub(super) async fn look_again(&self) {
        let seen = self.known().looked;
        // A failure shows in the command that is tried next.
        let _ = self.look(seen).await;
    }

    async fn look(&self, seen: Option<Instant>) -> Result<(), Failure> {
        let _turn = self.looking.lock().await;
        {
            let known = self.known();
            // Another task has looked while this one waited for its turn, or a moment ago.
            if known.looked != seen || known.looked.is_some_and(|looked| looked.elapsed() < PAUSE) {
                return known.failure.clone().map_or(Ok(()), Err);
            }
        }
        let found = self.ask_around().await;
        let mut known = self.known();
        known.looked = Some(Instant::now());
        match found {
            Ok(slots) => {
                // Another node may have less than the one before it had.
                if !known.slots.masters().is_empty() && *known.slots != slots {
                    self.presence.again();
                }
                known.servers.retain(|node, _| slots.masters().contains(&node));
                known.slots = Arc::new(slots);
                known.failure = None;
                Ok(())
            }
            Err(failure) => {
                known.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    async fn ask_around(&self) -> Result<Slots, Failure> {
        let mut failure = Failure::SlotUnserved;
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        for node in self.nodes().iter().chain(&self.door.addresses) {
            let server = self.server(node);
            match server.send(Request::One(&command), true).await {
                Ok(answer) => match Slots::parse(&answer, &node.host) {
                    Some(slots) => return Ok(slots),
                    None => failure = Failure::SlotUnserved,
                },
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Looks at every node from time to time, without end: a node that nobody asks may go and come back as well.
    pub(super) async fn watch(&self) {
        loop {
            tokio::time::sleep(WATCH).await;
            self.look_again().await;
            for node in self.nodes() {
                let ping = redis::cmd("PING");
                let _ = self.server(&node).send(Request::One(&ping), true).await;
            }
        }
    }

    fn slots(&self) -> Arc<Slots> {
        Arc::clone(&self.known().slots)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("nothing panics while it is held")
    }
}
