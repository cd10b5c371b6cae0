//! Real stores to test, each in a place of its own, and the way past the trait to the bytes that they keep.

use std::sync::{Arc, Mutex};

use redis_child::{Options, RedisChild, RedisCluster, SentinelGroup};

use super::*;

/// One of the rows of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Status,
    Grant,
    Intent,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Grant => "grant",
            Self::Intent => "intent",
        }
    }
}

/// A store and what it stands on, which goes when the place does.
pub(super) struct Place {
    pub(super) store: Arc<dyn Store>,
    below: Below,
}

enum Below {
    File { store: Arc<EmbeddedStore>, _folder: tempfile::TempDir },
    Server(RedisChild),
    Sentinels(Lent<SentinelGroup>),
    Cluster(Lent<RedisCluster>),
}

// These take a while to start, so that tests have them one after the other. They end with the process.
static SENTINELS: Mutex<Vec<SentinelGroup>> = Mutex::new(Vec::new());
static CLUSTERS: Mutex<Vec<RedisCluster>> = Mutex::new(Vec::new());

/// Taken from those that are free, and given back.
struct Lent<T: 'static> {
    own: Mutex<Option<T>>,
    free: &'static Mutex<Vec<T>>,
}

impl<T> Lent<T> {
    fn take(free: &'static Mutex<Vec<T>>, start: impl FnOnce() -> T) -> Self {
        let found = free.lock().unwrap().pop();
        Self { own: Mutex::new(Some(found.unwrap_or_else(start))), free }
    }

    fn with<R>(&self, job: impl FnOnce(&mut T) -> R) -> R {
        job(self.own.lock().unwrap().as_mut().unwrap())
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        // One that a test failed on is not used again.
        if !std::thread::panicking() {
            self.free.lock().unwrap().extend(self.own.get_mut().unwrap().take());
        }
    }
}

impl Place {
    pub(super) fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(EmbeddedStore::open(&folder.path().join("store.redb")).unwrap());
        Self { store: store.clone(), below: Below::File { store, _folder: folder } }
    }

    pub(super) fn redis() -> Self {
        let server = RedisChild::start();
        Self { store: redis_store(&server.url(), 0), below: Below::Server(server) }
    }

    /// Its writes are waited for, so that this way is held to the contract as well.
    pub(super) fn sentinel() -> Self {
        let group = Lent::take(&SENTINELS, || SentinelGroup::start(1, &Options::default(), None));
        let url = group.with(|group| {
            group.master().flush();
            group.url()
        });
        Self { store: redis_store(&url, 1), below: Below::Sentinels(group) }
    }

    pub(super) fn cluster() -> Self {
        let cluster = Lent::take(&CLUSTERS, || RedisCluster::start(0, &Options::default()));
        let url = cluster.with(|cluster| {
            cluster.nodes().iter().for_each(RedisChild::flush);
            cluster.url()
        });
        Self { store: redis_store(&url, 0), below: Below::Cluster(cluster) }
    }

    /// Replaces a row by any bytes, or removes it.
    pub(super) fn overwrite(&self, kind: Kind, key: &ConnectionKey, bytes: Option<&[u8]>) {
        let name = format!("orgpass:{}:{{{}}}", kind.as_str(), key.encode());
        match &self.below {
            Below::File { store, .. } => store.overwrite(kind.as_str(), key, bytes),
            Below::Server(server) => server.set(&name, bytes),
            Below::Sentinels(group) => group.with(|group| group.master().set(&name, bytes)),
            Below::Cluster(cluster) => cluster.with(|cluster| cluster.owner(&name).set(&name, bytes)),
        }
    }
}

fn redis_store(url: &str, replicas: u64) -> Arc<dyn Store> {
    let settings = Settings {
        url: url.parse().unwrap(),
        password_file: None,
        sentinel_password_file: None,
        ca_file: None,
        client_cert_file: None,
        client_key_file: None,
        timeout: Duration::from_secs(10),
        replicas,
    };
    Arc::new(RedisStore::connect(&settings, Access::default()).unwrap())
}
