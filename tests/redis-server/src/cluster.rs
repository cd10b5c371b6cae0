//! A real Redis Cluster for one test: three masters, each with as many replicas as are wanted.

use std::sync::Arc;

use crate::certificate::Certificate;
use crate::{HeldPort, Options, RedisChild, until};

/// Masters, over which the slots are spread.
const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

/// A running Cluster.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisChild>,
}

impl RedisCluster {
    /// Starts it, and waits until every node says that it is whole and every replica has its master's data. Options are
    /// for each node.
    pub fn start(replicas: usize, options: &Options) -> Self {
        let certificate = options.tls.then(|| Arc::new(Certificate::new()));
        let nodes: Vec<_> = (0..MASTERS * (1 + replicas)).map(|_| node(options, certificate.clone())).collect();
        for (number, node) in nodes.iter().enumerate() {
            let mut raw = node.raw();
            redis::cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(number + 1).exec(&mut raw).expect("it is new");
            if number < MASTERS {
                let (first, next) = (number * SLOTS / MASTERS, (number + 1) * SLOTS / MASTERS);
                let mut own = redis::cmd("CLUSTER");
                own.arg("ADDSLOTSRANGE").arg(first).arg(next - 1).exec(&mut raw).expect("no slot is taken");
            }
            let mut meet = redis::cmd("CLUSTER");
            meet.arg("MEET").arg("127.0.0.1").arg(nodes[0].port()).arg(nodes[0].bus_port());
            meet.exec(&mut raw).expect("nodes can meet");
        }
        let cluster = Self { nodes };
        cluster.wait(|info| info.contains("cluster_state:ok") && info.contains(&cluster.size()));
        for (number, replica) in cluster.nodes.iter().enumerate().skip(MASTERS) {
            let mut master = cluster.nodes[number % MASTERS].raw();
            let id: String = redis::cmd("CLUSTER").arg("MYID").query(&mut master).expect("it has a name");
            let mut command = redis::cmd("CLUSTER");
            command.arg("REPLICATE").arg(id).exec(&mut replica.raw()).expect("it knows its master");
        }
        for replica in &cluster.nodes[MASTERS..] {
            until("a replica follows", || replica.info("replication").contains("master_link_status:up"));
        }
        // Every node tells clients of every replica, or a fail-over would find none.
        cluster.wait(|info| info.contains("cluster_state:ok"));
        cluster
    }

    /// The URL of all nodes, without user and password.
    pub fn url(&self) -> String {
        self.url_of("")
    }

    /// The URL with a user name, without password.
    pub fn url_of(&self, user: &str) -> String {
        let scheme = if self.ca_pem().is_some() { "rediss-cluster" } else { "redis-cluster" };
        let at = if user.is_empty() { "" } else { "@" };
        let nodes: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("{scheme}://{user}{at}{}", nodes.join(","))
    }

    /// The root of its certificates, in PEM, if it serves TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.nodes[0].ca_pem()
    }

    /// Every node, those that began as masters first.
    pub fn nodes(&self) -> &[RedisChild] {
        &self.nodes
    }

    /// As [`RedisCluster::nodes`], to kill them and start them again.
    pub fn nodes_mut(&mut self) -> &mut [RedisChild] {
        &mut self.nodes
    }

    /// The node that has a key, as a running node tells.
    pub fn owner(&mut self, key: &str) -> &mut RedisChild {
        let mut raw = self.nodes.iter_mut().find_map(|node| node.is_running().then(|| node.raw())).expect("one runs");
        let slot: i64 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut raw).expect("keys have slots");
        type Range = (i64, i64, (String, u16, String, redis::Value));
        let ranges: Vec<redis::Value> = redis::cmd("CLUSTER").arg("SLOTS").query(&mut raw).expect("it tells");
        let port = ranges.into_iter().find_map(|range| {
            let redis::Value::Array(mut parts) = range else { return None };
            parts.truncate(3);
            let (first, last, (_, port, ..)): Range = redis::from_redis_value(redis::Value::Array(parts)).ok()?;
            (first..=last).contains(&slot).then_some(port)
        });
        let port = port.expect("every slot has a node");
        self.nodes.iter_mut().find(|node| node.port() == port).expect("it is one of these")
    }

    /// Moves a slot's keys to another master, as an operator does who adds one: the slot is between the two until
    /// [`RedisCluster::end_move`].
    pub fn begin_move(&mut self, key: &str) -> u16 {
        let from = self.owner(key);
        let (from_port, mut from) = (from.port(), from.raw());
        let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut from).expect("keys have slots");
        let to = self.nodes[..MASTERS].iter().find(|node| node.port() != from_port).expect("there are others");
        let name = |raw: &mut redis::Connection| -> String {
            redis::cmd("CLUSTER").arg("MYID").query(raw).expect("it has a name")
        };
        let (from_id, to_id, to_port) = (name(&mut from), name(&mut to.raw()), to.port());
        let set = |raw: &mut redis::Connection, how: &str, id: &str| {
            redis::cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(how).arg(id).exec(raw).expect("it is moved");
        };
        set(&mut to.raw(), "IMPORTING", &from_id);
        set(&mut from, "MIGRATING", &to_id);
        let keys: Vec<String> =
            redis::cmd("CLUSTER").arg("GETKEYSINSLOT").arg(slot).arg(100).query(&mut from).expect("it lists");
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(to_port).arg("").arg(0).arg(5_000).arg("KEYS").arg(keys);
        migrate.exec(&mut from).expect("keys are moved");
        to_port
    }

    /// Ends a move to the node at this port: it has the slot.
    pub fn end_move(&mut self, key: &str, to_port: u16) {
        let mut to = self.nodes.iter().find(|node| node.port() == to_port).expect("it is one of these").raw();
        let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut to).expect("keys have slots");
        let id: String = redis::cmd("CLUSTER").arg("MYID").query(&mut to).expect("it has a name");
        for node in &self.nodes[..MASTERS] {
            let mut command = redis::cmd("CLUSTER");
            command.arg("SETSLOT").arg(slot).arg("NODE").arg(&id).exec(&mut node.raw()).expect("it is moved");
        }
    }

    fn size(&self) -> String {
        format!("cluster_known_nodes:{}\r", self.nodes.len())
    }

    fn wait(&self, is_well: impl Fn(&str) -> bool) {
        for node in &self.nodes {
            until("the Cluster is whole", || {
                let info: String = redis::cmd("CLUSTER").arg("INFO").query(&mut node.raw()).expect("it tells");
                is_well(&info)
            });
        }
    }
}

fn node(options: &Options, certificate: Option<Arc<Certificate>>) -> RedisChild {
    let mut options = options.clone();
    let own = ["cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-node-timeout 1500"];
    options.config.extend(own.map(str::to_owned));
    if options.tls {
        // Without it nodes tell even TLS clients of each other's plain ports.
        options.config.push("tls-cluster yes".to_owned());
    }
    RedisChild::start_at(options, certificate, &[], Some(HeldPort::new()))
}
