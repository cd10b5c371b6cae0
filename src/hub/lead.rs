//! The hub's sign of life, and which hub leads. The store decides; nothing but the spread of work depends on it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Hub;
use crate::shutdown::Stopping;

/// How long a sign of life holds. A hub that dies is missed, and its lead is free, after this.
const LIFE: Duration = Duration::from_secs(15);

impl Hub {
    /// Says again and again that this hub lives, and tells in `leads` whether it leads, until it is to stop.
    pub(super) async fn keep_the_lead(&self, leads: watch::Sender<bool>, mut stopping: Stopping) {
        let mut ticks = interval(LIFE / 3);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopping.asked() => return,
                _ = ticks.tick() => {}
            }
            let attended = tokio::time::timeout(LIFE / 3, self.store.attend(&self.name, LIFE)).await;
            // A hub that cannot be sure that it leads does not.
            let now = match attended {
                Ok(Ok(now)) => now,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the hub's sign of life was not stored");
                    false
                }
                Err(_) => false,
            };
            self.metrics.leads.set(i64::from(now));
            if leads.send_replace(now) != now {
                tracing::info!(
                    leads = now,
                    "this hub {} all connections",
                    if now { "watches" } else { "no longer watches" }
                );
            }
        }
    }
}
