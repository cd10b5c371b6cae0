//! Real stores to test, each in a place of its own, and the way past the trait to the bytes that they keep.

use std::sync::Arc;

use redis_child::RedisChild;

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
}

impl Place {
    pub(super) fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(EmbeddedStore::open(&folder.path().join("store.redb")).unwrap());
        Self { store: store.clone(), below: Below::File { store, _folder: folder } }
    }

    pub(super) fn redis() -> Self {
        let server = RedisChild::start();
        let settings = Settings {
            url: StoreUrl::Redis(server.url()),
            password_file: None,
            ca_file: None,
            timeout: Duration::from_secs(10),
            replicas: 0,
        };
        let store = RedisStore::connect(&settings, None, None).unwrap();
        Self { store: Arc::new(store), below: Below::Server(server) }
    }

    /// Replaces a row by any bytes, or removes it.
    pub(super) fn overwrite(&self, kind: Kind, key: &ConnectionKey, bytes: Option<&[u8]>) {
        match &self.below {
            Below::File { store, .. } => store.overwrite(kind.as_str(), key, bytes),
            Below::Server(server) => {
                let name = format!("orgpass:{}:{{{}}}", kind.as_str(), key.encode());
                server.set(&name, bytes);
            }
        }
    }
}
