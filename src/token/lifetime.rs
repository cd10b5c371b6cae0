//! How long a session lives, and where that is known from. Salesforce sends no `expires_in`. Some tokens say when they end
//! whatever use is made of them; for the others there is a time-out of inactivity, of which only half is guaranteed:
//! activity counts only after half of the time-out has passed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SessionSecret;
use crate::oauth;

/// Salesforce's default session time-out.
const DEFAULT_LIFE: Duration = Duration::from_secs(2 * 60 * 60);
/// The shortest time-out that Salesforce offers. A session that was refused sooner did not expire, so only the process
/// that saw it goes by it.
const SHORTEST_REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// The longest margin before an end that is known: earlier would waste most of a long life's worth of exchanges.
const LONGEST_MARGIN: Duration = Duration::from_secs(5 * 60);

/// Where a session's life is known from, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifeSource {
    /// The token is a JWT and says it.
    Token,
    /// Salesforce said it when it was asked.
    Introspection,
    /// Sessions of the connection were refused after they had not been used for so long.
    Learned,
    /// The app's `session_time`.
    Configured,
    /// Salesforce's default.
    Default,
}

impl LifeSource {
    /// Every source.
    pub const ALL: [Self; 5] = [Self::Token, Self::Introspection, Self::Learned, Self::Configured, Self::Default];

    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Introspection => "introspection",
            Self::Learned => "learned",
            Self::Configured => "configured",
            Self::Default => "default",
        }
    }

    /// Whether the life counts from the session's making, whatever use is made of it; else from its last use.
    fn is_absolute(self) -> bool {
        matches!(self, Self::Token | Self::Introspection)
    }
}

/// A session's whole life, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Where it is known from.
    pub source: LifeSource,
    /// How long it is.
    pub length: Duration,
}

impl Life {
    /// What a session itself tells of its life, or Salesforce told of it.
    pub(super) fn told(session: &SessionSecret) -> Option<Self> {
        let by_token =
            oauth::token_life(&session.access_token).map(|length| Self { source: LifeSource::Token, length });
        by_token.or_else(|| session.life.map(Self::introspected))
    }

    /// What introspection told, in seconds.
    pub(super) fn introspected(seconds: u32) -> Self {
        Self { source: LifeSource::Introspection, length: Duration::from_secs(seconds.into()) }
    }

    /// Whether a session in use is to be replaced now: `used` is the time since its last accepted call, `made` since it
    /// was stored. Before the end that it surely sees less a margin of a tenth, and a jitter of as much again (0 to 255
    /// for none to all of it), so that many sessions do not end together.
    pub(super) fn is_nearly_over(self, used: Duration, made: Duration, jitter: u8) -> bool {
        let absolute = self.source.is_absolute();
        let (age, sure) = if absolute { (made, self.length) } else { (used, self.length / 2) };
        let margin = if absolute { (sure / 10).min(LONGEST_MARGIN) } else { sure / 10 };
        age >= sure - margin - margin * u32::from(jitter) / 255
    }
}

/// What is known of the sessions of a connection, whichever there is at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lifetime {
    configured: Option<Duration>,
    /// By this process.
    learned: Option<Duration>,
    /// By all, as the record says.
    remembered: Option<Duration>,
}

impl Lifetime {
    /// The app's session time, where the operator knows it.
    pub(super) fn configure(&mut self, session_time: Option<Duration>) {
        self.configured = session_time;
    }

    /// What the record remembers, in seconds.
    pub(super) fn recall(&mut self, idle: Option<u32>) {
        self.remembered = idle.map(|seconds| Duration::from_secs(seconds.into()));
    }

    /// A session was refused after it had not been used for this long; the shortest seen counts.
    pub(super) fn learn(&mut self, idle: Duration) {
        self.learned = Some(self.learned.map_or(idle, |known| known.min(idle)));
    }

    /// What this process has learned that others should go by too, in whole seconds: to be put into the record where that
    /// knows nothing, or a longer time.
    pub(super) fn to_remember(self) -> Option<u32> {
        let learned = self.learned.filter(|idle| *idle >= SHORTEST_REMEMBERED)?;
        u32::try_from(learned.as_secs()).ok()
    }

    /// The life of a session that itself tells `told`.
    pub(super) fn of(self, told: Option<Life>) -> Life {
        let known = |source, length: Option<Duration>| length.map(|length| Life { source, length });
        let learned = self.learned.into_iter().chain(self.remembered).min();
        told.or_else(|| known(LifeSource::Learned, learned))
            .or_else(|| known(LifeSource::Configured, self.configured))
            .unwrap_or(Life { source: LifeSource::Default, length: DEFAULT_LIFE })
    }
}

/// What a record is to remember that knows `known` when somebody has learned `learned`, both in seconds.
pub(super) fn to_remember(known: Option<u32>, learned: Option<u32>) -> Option<u32> {
    let believed = learned.filter(|seconds| Duration::from_secs((*seconds).into()) >= SHORTEST_REMEMBERED);
    known.into_iter().chain(believed).min()
}

/// What a record tells of the life of its session: `idle` is the clear part's, `session_time` the app's.
pub fn stored_life(session: Option<&SessionSecret>, idle: Option<u32>, session_time: Option<Duration>) -> Life {
    let mut lifetime = Lifetime::default();
    lifetime.configure(session_time);
    lifetime.recall(idle);
    lifetime.of(session.and_then(Life::told))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn life(source: LifeSource, length: Duration) -> Life {
        Life { source, length }
    }

    #[test]
    fn the_surest_source_wins() {
        let mut lifetime = Lifetime::default();
        assert_eq!(lifetime.of(None), life(LifeSource::Default, 120 * MINUTE));
        lifetime.configure(Some(30 * MINUTE));
        assert_eq!(lifetime.of(None), life(LifeSource::Configured, 30 * MINUTE));
        lifetime.recall(Some(40 * 60));
        assert_eq!(lifetime.of(None), life(LifeSource::Learned, 40 * MINUTE));
        let told = life(LifeSource::Token, 5 * MINUTE);
        assert_eq!(lifetime.of(Some(told)), told);
    }

    #[test]
    fn the_shortest_time_that_anybody_saw_a_session_die_of_counts() {
        let mut lifetime = Lifetime::default();
        lifetime.learn(30 * MINUTE);
        lifetime.recall(Some(20 * 60));
        assert_eq!(lifetime.of(None).length, 20 * MINUTE);
        lifetime.learn(16 * MINUTE);
        lifetime.learn(25 * MINUTE);
        assert_eq!(lifetime.of(None).length, 16 * MINUTE);
        assert_eq!(lifetime.to_remember(), Some(16 * 60));
    }

    #[test]
    fn what_no_timeout_can_be_is_not_passed_on() {
        let mut lifetime = Lifetime::default();
        lifetime.learn(15 * MINUTE - Duration::from_millis(1));
        assert_eq!(lifetime.to_remember(), None);
        assert!(lifetime.of(None).length < 15 * MINUTE, "the process that saw it goes by it");
        assert_eq!(to_remember(Some(1200), Some(60)), Some(1200), "whoever says so");
        assert_eq!(to_remember(Some(1200), Some(900)), Some(900));
        assert_eq!(to_remember(None, None), None);
    }

    #[test]
    fn a_session_is_replaced_well_inside_the_half_of_its_rest_that_is_guaranteed() {
        for source in [LifeSource::Learned, LifeSource::Configured, LifeSource::Default] {
            let life = life(source, 20 * MINUTE);
            for jitter in [0, 1, 128, 255] {
                assert!(!life.is_nearly_over(8 * MINUTE - MINUTE / 60, 500 * MINUTE, jitter));
                assert!(life.is_nearly_over(9 * MINUTE, Duration::ZERO, jitter));
            }
        }
    }

    #[test]
    fn a_session_whose_end_is_known_is_replaced_shortly_before_it_however_busy_it_is() {
        for source in [LifeSource::Token, LifeSource::Introspection] {
            for jitter in [0, 1, 128, 255] {
                let short = life(source, 10 * MINUTE);
                assert!(!short.is_nearly_over(10 * MINUTE, 8 * MINUTE - MINUTE / 60, jitter));
                assert!(short.is_nearly_over(Duration::ZERO, 9 * MINUTE, jitter));
                let long = life(source, 720 * MINUTE);
                assert!(!long.is_nearly_over(600 * MINUTE, 709 * MINUTE, jitter));
                assert!(long.is_nearly_over(Duration::ZERO, 715 * MINUTE, jitter));
            }
        }
    }

    #[test]
    fn the_stored_word_of_each_source_is_the_displayed_one() {
        for source in LifeSource::ALL {
            assert_eq!(serde_json::to_string(&source).unwrap(), format!("\"{}\"", source.as_str()));
        }
    }
}
