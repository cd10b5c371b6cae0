//! Last use: what calls leave in memory is noted in the store now and then, so that people see of every connection when it
//! was last used, whichever process carried the call. Calls themselves know nothing of it.

use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::source::TokenSource;
use crate::store::StoreError;

/// Notes what was used since, again and again, for as long as the engine's runtime lives.
pub(super) async fn run(source: TokenSource) {
    let every = source.settings().note_use_every;
    // Processes that were started together do not write together.
    let first = tokio::time::Instant::now() + every.mul_f64(f64::from(random()) / 256.0);
    let mut ticks = tokio::time::interval_at(first, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refused = false;
    loop {
        ticks.tick().await;
        match note(&source).await {
            Err(error @ StoreError::Refused(_)) if !refused => {
                refused = true;
                tracing::warn!(%error, "when connections were last used is not noted, and others will not see it");
            }
            Err(error) => tracing::debug!(%error, "when connections were last used is noted later"),
            Ok(()) => {}
        }
    }
}

/// Notes of each connection in memory when it was last used, unless that was noted before.
pub(super) async fn note(source: &TokenSource) -> Result<(), StoreError> {
    let slots: Vec<_> = source.slots().filter_map(|slot| slot.unnoted_use().map(|at| (slot, at))).collect();
    if slots.is_empty() {
        return Ok(());
    }
    let now = source.clock().now();
    let ago = |at: &Instant| now.saturating_duration_since(*at);
    let used: Vec<(_, Duration)> = slots.iter().map(|(slot, at)| (slot.key.clone(), ago(at))).collect();
    source.store().note_used(&used).await?;
    for (slot, at) in slots {
        slot.mark_noted(at);
    }
    Ok(())
}

/// Notes what was used before the process ends; a store that is away is not waited for.
pub(super) async fn note_at_last(source: &TokenSource) {
    const PATIENCE: Duration = Duration::from_secs(1);
    if !matches!(tokio::time::timeout(PATIENCE, note(source)).await, Ok(Ok(()))) {
        tracing::debug!("the last uses before the stop are not noted");
    }
}

fn random() -> u8 {
    let mut byte = [0];
    getrandom::fill(&mut byte).expect("the operating system's random source works");
    byte[0]
}
