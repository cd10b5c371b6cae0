//! Whether Redis was lost and is there again. It may be another server by then, and have gone back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

/// Whether one server was lost, and how often any was reached again. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    lost: Arc<AtomicBool>,
    numbers: Arc<AtomicU64>,
    reconnects: watch::Sender<u64>,
}

impl Presence {
    pub(super) fn new() -> Self {
        Self { lost: Arc::default(), numbers: Arc::default(), reconnects: watch::Sender::new(0) }
    }

    /// The presence of another server, with the same count.
    pub(super) fn of_another(&self) -> Self {
        Self { lost: Arc::default(), ..self.clone() }
    }

    /// The count, to follow.
    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.reconnects.subscribe()
    }

    /// A number that no earlier connection has.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A connection broke, or led to a server that cannot serve.
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

    /// Counts once, whatever is known of single servers: another one serves now, or a connection apart was made anew.
    pub(super) fn again(&self) {
        self.reconnects.send_modify(|count| *count += 1);
    }
}
