//! The monitor: the hub that leads looks at every connection in its time, whether or not anybody calls. What is due
//! comes from the store's schedule, never from a scan. Connections enter it when they are announced; those whose
//! announcement was missed, when all are counted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::{Hub, schedule};
use crate::connection::ConnectionKey;
use crate::shutdown::Stopping;
use crate::store::{ScheduleWhen, StoreError};

/// Most looks under way.
const AT_ONCE: usize = 64;
/// Whoever takes a connection has looked at it by then, or is dead.
const CLAIM: Duration = Duration::from_secs(3 * 60);
/// Most announced connections that wait to be scheduled; what is missed is found by the next count.
const NEWS_KEPT: usize = 10_000;

impl Hub {
    /// Watches all connections while this hub leads, until it is to stop; then finishes the looks it has begun.
    pub(super) async fn monitor(self: Arc<Self>, lead: watch::Receiver<bool>, mut stopping: Stopping) {
        let mut ticks = interval(between_ticks(self.settings.check_every, self.settings.checks_per_second));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changes = self.store.changes();
        let mut news = HashSet::new();
        let mut looks = JoinSet::new();
        let mut counts = JoinSet::new();
        let mut next_count = Instant::now();
        let mut last = Instant::now();
        loop {
            tokio::select! {
                () = stopping.asked() => break,
                known = hear(&mut changes, &mut news) => if !known { break },
                Some(_) = looks.join_next() => {}
                _ = ticks.tick() => {
                    let passed = last.elapsed();
                    last = Instant::now();
                    if !*lead.borrow() {
                        news.clear();
                        self.forget_counts(&mut counts).await;
                        next_count = Instant::now();
                        continue;
                    }
                    if let Err(error) = self.watch(&mut news, &mut looks, passed).await {
                        tracing::debug!(%error, "the monitor could not read what is due");
                    }
                    while counts.try_join_next().is_some() {}
                    if counts.is_empty() && Instant::now() >= next_count {
                        next_count = Instant::now() + self.settings.check_every;
                        counts.spawn(Arc::clone(&self).count_all());
                    }
                }
            }
        }
        counts.abort_all();
        while looks.join_next().await.is_some() {}
    }

    /// Schedules what was announced, and begins to look at as much of what is due as time and hands allow.
    async fn watch(
        self: &Arc<Self>,
        news: &mut HashSet<ConnectionKey>,
        looks: &mut JoinSet<()>,
        passed: Duration,
    ) -> Result<(), StoreError> {
        if !news.is_empty() {
            let due: Vec<_> = news
                .drain()
                .map(|key| (schedule::first(&key, self.settings.check_every), key))
                .map(|(d, k)| (k, d))
                .collect();
            self.store.schedule(&due, ScheduleWhen::Absent).await?;
        }
        while looks.try_join_next().is_some() {}
        // At least one, and after a pause no more than a second's worth.
        let share = f64::from(self.settings.checks_per_second) * passed.as_secs_f64().min(1.0);
        let share = (share.round() as usize).max(1);
        let room = share.min(AT_ONCE.saturating_sub(looks.len()));
        if room == 0 {
            return Ok(());
        }
        for key in self.store.take_due(room, CLAIM).await? {
            let hub = Arc::clone(self);
            looks.spawn(async move {
                // A wish for it is being seen to: the claim brings it again.
                let Some(_working) = hub.at_work.begin(&key) else { return };
                if let Err(error) = hub.look(&key).await {
                    tracing::debug!(connection = %key, %error, "a look was cut short by the store; it comes again");
                }
            });
        }
        Ok(())
    }

    async fn forget_counts(&self, counts: &mut JoinSet<()>) {
        counts.shutdown().await;
        self.metrics.stored_connections.reset();
        self.metrics.idle_limit.reset();
    }
}

/// How often what is due is asked for: some times in a period, and so often that no tick's share of looks needs more than
/// half of the hands. Else they, and not the rate that was set, would limit the looks.
fn between_ticks(check_every: Duration, checks_per_second: u32) -> Duration {
    let half_the_hands = Duration::from_secs(AT_ONCE as u64 / 2) / checks_per_second;
    (check_every / 10).min(half_the_hands).clamp(Duration::from_millis(20), Duration::from_secs(1))
}

/// Notes one announced change. False if there will be none any more.
async fn hear(changes: &mut broadcast::Receiver<ConnectionKey>, news: &mut HashSet<ConnectionKey>) -> bool {
    match changes.recv().await {
        Ok(key) => {
            if news.len() < NEWS_KEPT {
                news.insert(key);
            }
            true
        }
        Err(RecvError::Lagged(_)) => true,
        Err(RecvError::Closed) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_that_can_be_set_has_hands_for_a_ticks_share() {
        for rate in 1..=1000 {
            let share = f64::from(rate) * between_ticks(Duration::from_secs(6 * 60 * 60), rate).as_secs_f64();
            assert!(share <= AT_ONCE as f64 / 2.0, "{rate}: {share}");
        }
        assert_eq!(between_ticks(Duration::from_secs(6 * 60 * 60), 20), Duration::from_secs(1));
    }
}
