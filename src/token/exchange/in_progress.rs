//! Connections of which Salesforce says that another exchange of the same token is under way.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::ConnectionKey;

/// Whoever is said to be exchanging ends within a minute; after that the word says nothing. Nor does it go on with what
/// was said so long ago.
const PATIENCE: Duration = Duration::from_secs(60);

/// Since when it has been said of each, and when last.
#[derive(Debug, Default)]
pub(super) struct InProgress(Mutex<HashMap<ConnectionKey, (Instant, Instant)>>);

impl InProgress {
    /// Notes that it is said at `now`. False if it has been for so long that nobody believes it.
    pub(super) fn is_believed(&self, key: &ConnectionKey, now: Instant) -> bool {
        let mut said = self.said();
        said.retain(|_, (_, last)| now.saturating_duration_since(*last) < PATIENCE);
        let (since, last) = said.entry(key.clone()).or_insert((now, now));
        *last = now;
        let is_believed = now.saturating_duration_since(*since) < PATIENCE;
        if !is_believed {
            said.remove(key);
        }
        is_believed
    }

    /// Forgets it: something else is said.
    pub(super) fn end(&self, key: &ConnectionKey) {
        self.said().remove(key);
    }

    fn said(&self) -> MutexGuard<'_, HashMap<ConnectionKey, (Instant, Instant)>> {
        // Single assignments, valid after any panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_believed_for_a_minute() {
        let (said, key, first) = (InProgress::default(), ConnectionKey::parse("acme", None).unwrap(), Instant::now());
        for second in (0..60).step_by(2) {
            assert!(said.is_believed(&key, first + Duration::from_secs(second)));
        }
        assert!(!said.is_believed(&key, first + PATIENCE));
        assert!(said.is_believed(&key, first + PATIENCE), "it is counted anew");
        said.end(&key);
        assert!(said.0.lock().unwrap().is_empty());
    }

    #[test]
    fn what_was_said_long_ago_is_not_counted_to_what_is_said_now() {
        let (said, key, first) = (InProgress::default(), ConnectionKey::parse("acme", None).unwrap(), Instant::now());
        assert!(said.is_believed(&key, first));
        // Another process has exchanged since, and this one was told nothing else.
        let later = first + Duration::from_secs(24 * 60 * 60);
        assert!(said.is_believed(&key, later));
        assert!(said.is_believed(&ConnectionKey::parse("globex", None).unwrap(), later + PATIENCE));
        assert_eq!(said.0.lock().unwrap().len(), 1, "what is over is not kept");
    }
}
