//! Connections of which the store holds less than this process has had: whoever knows better is waited for, but not for
//! good.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::ConnectionKey;

/// How long a store that went back is waited for before it is believed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Since when it is so, for each connection.
#[derive(Debug, Default)]
pub(super) struct Rollbacks(Mutex<HashMap<ConnectionKey, Instant>>);

impl Rollbacks {
    /// Notes that it was found so at `now`. True the first time; that is the time that counts, however often it is found.
    pub(super) fn note(&self, key: &ConnectionKey, now: Instant) -> bool {
        match self.since().entry(key.clone()) {
            Entry::Vacant(first) => {
                first.insert(now);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Whether it has been so for so long that nobody is left who knows better.
    pub(super) fn is_believed(&self, key: &ConnectionKey, now: Instant) -> bool {
        self.since().get(key).is_some_and(|since| now.saturating_duration_since(*since) >= PATIENCE)
    }

    /// Forgets it: the store has what is wanted.
    pub(super) fn forget(&self, key: &ConnectionKey) {
        self.since().remove(key);
    }

    fn since(&self) -> MutexGuard<'_, HashMap<ConnectionKey, Instant>> {
        // Single assignments, valid after any panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_believed_a_minute_after_the_first_time_however_often_it_is_looked_at() {
        let (rollbacks, key, first) =
            (Rollbacks::default(), ConnectionKey::parse("acme", None).unwrap(), Instant::now());
        assert!(rollbacks.note(&key, first));
        for second in (2..60).step_by(2) {
            let now = first + Duration::from_secs(second);
            assert!(!rollbacks.note(&key, now));
            assert!(!rollbacks.is_believed(&key, now));
        }
        assert!(rollbacks.is_believed(&key, first + PATIENCE));
        rollbacks.forget(&key);
        assert!(!rollbacks.is_believed(&key, first + PATIENCE));
        assert!(rollbacks.note(&key, first + PATIENCE), "it is counted anew");
    }
}
