//! How long a session lives. Salesforce sends no `expires_in`, and its time-out is one of inactivity of which only half
//! is guaranteed: activity counts only after half of the time-out has passed.

use std::time::Duration;

/// Salesforce's default session time-out.
const DEFAULT_LIFE: Duration = Duration::from_secs(2 * 60 * 60);

/// What is known of a session's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    configured: Option<Duration>,
    learned: Option<Duration>,
}

impl Lifetime {
    /// A session of which only the configured time-out is known, if that.
    pub(super) fn new(configured: Option<Duration>) -> Self {
        Self { configured, learned: None }
    }

    /// The app's session time, where the operator knows it.
    pub(super) fn configure(&mut self, session_time: Option<Duration>) {
        self.configured = session_time;
    }

    /// A session was refused after it had been idle for this long; the shortest seen counts.
    pub(super) fn learn(&mut self, idle: Duration) {
        self.learned = Some(self.learned.map_or(idle, |known| known.min(idle)));
    }

    /// The shortest time without use after which a session was refused, in whole seconds, if one was.
    pub(super) fn learned_seconds(self) -> Option<u32> {
        self.learned.map(|learned| u32::try_from(learned.as_secs()).unwrap_or(u32::MAX))
    }

    /// The whole time-out as far as it is known.
    pub(super) fn life(self) -> Duration {
        self.learned.or(self.configured).unwrap_or(DEFAULT_LIFE)
    }

    /// When after the last accepted call a session in use should be refreshed ahead: half of its life, less a margin of
    /// a tenth and a jitter (0 to 255 for none to another tenth), so that many sessions do not end together.
    pub(super) fn refresh_after(self, jitter: u8) -> Duration {
        let half = self.life() / 2;
        let margin = half / 10;
        half - margin - margin * u32::from(jitter) / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_learned_life_wins_over_the_configured_one_and_that_over_the_default() {
        assert_eq!(Lifetime::new(None).life(), 120 * MINUTE);
        let mut lifetime = Lifetime::new(Some(30 * MINUTE));
        assert_eq!(lifetime.life(), 30 * MINUTE);
        lifetime.learn(16 * MINUTE);
        lifetime.learn(20 * MINUTE);
        assert_eq!(lifetime.life(), 16 * MINUTE);
    }

    #[test]
    fn a_session_is_refreshed_well_inside_the_half_of_its_life_that_is_guaranteed() {
        for jitter in [0, 1, 128, 255] {
            let after = Lifetime::new(Some(20 * MINUTE)).refresh_after(jitter);
            assert!(after <= 9 * MINUTE && after >= 8 * MINUTE, "{after:?}");
        }
    }
}
