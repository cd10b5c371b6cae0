//! Answers that are held back until there is something to say: for how long, what wakes them, what cuts them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::millis;
use crate::service::Cut;

/// How often a held answer is looked at although nothing was published: its session may have died.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub(crate) struct Held {
    /// How often everything held was cut. Sent anew, unchanged, when something was published.
    cuts: watch::Sender<u64>,
    poll: AtomicU64,
    keep_alive: AtomicU64,
    /// Sent anew when connections of the Pub/Sub API are to take no more calls.
    drains: watch::Sender<()>,
}

/// One who waits.
pub(crate) struct Listener {
    cuts: watch::Receiver<u64>,
    cuts_before: u64,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            cuts: watch::Sender::new(0),
            poll: AtomicU64::new(110_000),
            keep_alive: AtomicU64::new(270_000),
            drains: watch::Sender::new(()),
        }
    }
}

impl Held {
    /// Something was published, in whatever org.
    pub(crate) fn wake(&self) {
        self.cuts.send_modify(|_| {});
    }

    /// Breaks whatever is held.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Lets every connection of the Pub/Sub API take no more calls.
    pub(crate) fn drain(&self) {
        self.drains.send_replace(());
    }

    /// Changes with each [`Held::drain`].
    pub(crate) fn drains(&self) -> watch::Receiver<()> {
        self.drains.subscribe()
    }

    /// Misses nothing from now on.
    pub(crate) fn listen(&self) -> Listener {
        let cuts = self.cuts.subscribe();
        let cuts_before = *cuts.borrow();
        Listener { cuts, cuts_before }
    }

    /// The longest that a long poll is held, in real time.
    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll.load(Ordering::Relaxed))
    }

    pub(crate) fn set_poll(&self, longest: Duration) {
        self.poll.store(millis(longest), Ordering::Relaxed);
    }

    /// After how long without an event a subscriber of the Pub/Sub API hears that it is not forgotten.
    pub(crate) fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive.load(Ordering::Relaxed))
    }

    pub(crate) fn set_keep_alive(&self, after: Duration) {
        self.keep_alive.store(millis(after), Ordering::Relaxed);
    }
}

impl Listener {
    /// Waits until something was published since the last call, or it is time to look again.
    pub(crate) async fn next(&mut self) -> Result<(), Cut> {
        let _ = tokio::time::timeout(LOOK_AGAIN, self.cuts.changed()).await;
        if *self.cuts.borrow_and_update() == self.cuts_before { Ok(()) } else { Err(Cut) }
    }
}
