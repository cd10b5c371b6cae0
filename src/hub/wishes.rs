//! Taking wishes: what processes without grant keys ask for. Oldest first, many at a time, one at a time for each
//! connection. A wish leaves the store once it has been seen to, so that it outlives a hub that dies over it; whoever
//! still needs something wishes again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::Hub;
use super::at_work::Working;
use crate::connection::{Cause, Status};
use crate::management::Refusal;
use crate::shutdown::Stopping;
use crate::store::{Need, StoreError, Wish};
use crate::token::Want;

/// Most wishes that are being seen to: more than may be in flight to one login host, so that a host that does not answer
/// holds up nobody else's. Nearly all of their time is spent waiting.
const AT_ONCE: usize = 512;
/// Most wishes that are read at once.
const READ: usize = 2 * AT_ONCE;
/// Between two looks, however many announcements there are.
const BREATH: Duration = Duration::from_millis(10);
/// Without an announcement, wishes are looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Hub {
    /// Sees to wishes until it is to stop, and then to those it has begun.
    pub(super) async fn take_wishes(self: Arc<Self>, mut stopping: Stopping) {
        let mut announced = self.store.wished();
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tasks = JoinSet::new();
        let mut known = HashMap::new();
        loop {
            tokio::select! {
                () = stopping.asked() => break,
                // Lagging means that there are some.
                _ = announced.recv() => {}
                _ = ticks.tick() => {}
                Some(_) = tasks.join_next() => {}
            }
            // A crowd of announcements is one reason to look.
            let closed = drain(&mut announced);
            while tasks.try_join_next().is_some() {}
            if tasks.len() < AT_ONCE
                && let Err(error) = self.take_some(&mut tasks, &mut known).await
            {
                tracing::debug!(%error, "wishes could not be read");
            }
            if closed {
                break;
            }
            tokio::time::sleep(BREATH).await;
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn take_some(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        known: &mut HashMap<Wish, Instant>,
    ) -> Result<(), StoreError> {
        let wishes = self.store.wishes(READ).await?;
        self.note_waiting(&wishes, known);
        for wish in wishes {
            if tasks.len() >= AT_ONCE {
                break;
            }
            let Some(working) = self.at_work.begin(&wish.key) else { continue };
            let hub = Arc::clone(self);
            tasks.spawn(async move { hub.see_to(wish, working).await });
        }
        Ok(())
    }

    async fn see_to(&self, wish: Wish, _working: Working) {
        let outcome = match wish.need {
            Need::Next { refused, idle } if !self.is_stopped(&wish).await => {
                self.management.renew(&wish.key, refused.map_or(Want::Any, Want::After), idle).await
            }
            Need::Next { .. } => Ok(()),
            Need::Check(generation) => self.management.confirm(&wish.key, generation).await,
        };
        let result = match &outcome {
            Ok(()) => "done",
            Err(Refusal::NotConnected | Refusal::Refused(_)) => "refused",
            Err(error) => {
                tracing::debug!(connection = %wish.key, %error, "a wish was not fulfilled");
                "failed"
            }
        };
        self.metrics.wishes.with_label_values(&[result]).inc();
        if matches!(outcome, Err(Refusal::Refused(_))) {
            self.look_again_in_time(&wish.key).await;
        }
        if let Err(error) = self.store.withdraw(&wish).await {
            tracing::debug!(connection = %wish.key, %error, "a wish was not withdrawn; it will be found needless");
        }
    }

    /// Whether an admin must change something first. A wish that comes after that was found out is no reason to ask
    /// Salesforce again; the monitor does that in its time.
    async fn is_stopped(&self, wish: &Wish) -> bool {
        let row = self.store.read(&wish.key).await;
        row.ok().flatten().is_some_and(|row| {
            row.head.status == Status::Misconfigured && row.head.cause != Some(Cause::FreshTokenRefused)
        })
    }

    fn note_waiting(&self, wishes: &[Wish], known: &mut HashMap<Wish, Instant>) {
        let now = Instant::now();
        let before = std::mem::take(known);
        known.extend(wishes.iter().map(|wish| (wish.clone(), before.get(wish).copied().unwrap_or(now))));
        let oldest = known.values().min().map_or(Duration::ZERO, |since| now.saturating_duration_since(*since));
        self.metrics.wishes_waiting.set(i64::try_from(wishes.len()).unwrap_or(i64::MAX));
        self.metrics.oldest_wish.set(i64::try_from(oldest.as_secs()).unwrap_or(i64::MAX));
    }
}

/// Takes what has been announced. True if nothing more will be.
fn drain(announced: &mut Receiver<()>) -> bool {
    loop {
        match announced.try_recv() {
            Ok(()) | Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Closed) => return true,
        }
    }
}
