//! Whether Redis was lost and is there again. It may be another server by then, and have gone back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// Counts how often Redis was reached again. Clones share the count.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    lost: Arc<AtomicBool>,
    reconnects: watch::Sender<u64>,
}

impl Presence {
    pub(super) fn new() -> Self {
        Self { lost: Arc::default(), reconnects: watch::Sender::new(0) }
    }

    /// The count, to follow.
    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.reconnects.subscribe()
    }

    /// A command found no server, or another one than before.
    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// A command was answered.
    pub(super) fn reach(&self) {
        // Read first: every command comes by here, and a write would take the line from the other cores.
        if self.lost.load(Ordering::Relaxed) && self.lost.swap(false, Ordering::Relaxed) {
            self.again();
        }
    }

    /// A connection that had been lost was made anew. What was counted by another connection meanwhile may have been the
    /// old server's last answer, so this counts by itself.
    pub(super) fn again(&self) {
        self.reconnects.send_modify(|count| *count += 1);
    }
}
