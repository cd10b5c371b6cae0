//! Refresh ahead: a session that is in use is replaced before it can die: when it has been idle for nearly the half of its
//! life that Salesforce guarantees, or is near the end that it is known to have. A session that nobody has used since it was made is left alone, so that an unused
//! connection costs no exchanges.

use std::time::{Duration, Instant};

use super::source::TokenSource;
use super::{Session, Slot, Want};
use crate::store::GrantKind;

/// Looks at all sessions again and again, for as long as the engine's runtime lives.
pub(super) async fn run(source: TokenSource) {
    let pause =
        (source.settings().refresh_ahead_min_life / 20).clamp(Duration::from_millis(50), Duration::from_secs(5));
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for slot in source.slots() {
            let due = match slot.session().as_ref() {
                Some(session) if is_due(&slot, session, &source, source.clock().now()) => session.generation,
                _ => continue,
            };
            source.start(&slot, Want::Ahead(due));
        }
    }
}

fn is_due(slot: &Slot, session: &Session, source: &TokenSource, now: Instant) -> bool {
    let Some(last_accepted) = session.last_accepted() else { return false };
    let (lifetime, grant) = {
        let state = slot.state();
        (state.lifetime, state.grant)
    };
    let life = lifetime.of(session.told());
    let used = now.saturating_duration_since(last_accepted);
    // An access token alone has no successor: asking for one would only end the connection early.
    grant != Some(GrantKind::AccessToken)
        && life.length >= source.settings().refresh_ahead_min_life
        // Of an end that is known, use does not put off anything: not to be in use any more does.
        && used < life.length
        && life.is_nearly_over(used, session.age(now), session.jitter())
}
