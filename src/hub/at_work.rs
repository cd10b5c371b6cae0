//! Which connections this hub is at work on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::connection::ConnectionKey;

/// A set of connections, shared by all who work on them.
#[derive(Clone, Debug, Default)]
pub(super) struct AtWork(Arc<Mutex<HashSet<ConnectionKey>>>);

/// One connection of the set, which leaves it when this is dropped.
#[derive(Debug)]
pub(super) struct Working {
    key: ConnectionKey,
    set: AtWork,
}

impl AtWork {
    /// Begins work on a connection; `None` if somebody is at work on it already.
    pub(super) fn begin(&self, key: &ConnectionKey) -> Option<Working> {
        self.set().insert(key.clone()).then(|| Working { key: key.clone(), set: self.clone() })
    }

    fn set(&self) -> MutexGuard<'_, HashSet<ConnectionKey>> {
        // Valid after any panic: every change is one insert or one remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.set.set().remove(&self.key);
    }
}
