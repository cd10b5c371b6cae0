//! Waiting: stops that double, and pauses that differ between processes.

use std::time::{Duration, Instant};

/// Doubling stops between a first and a longest.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    until: Option<Instant>,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first, until: None }
    }

    /// Begins the next stop at `now` and tells when it ends.
    pub(super) fn fail(&mut self, now: Instant) -> Instant {
        let until = now + self.next;
        self.until = Some(until);
        self.next = (self.next * 2).min(self.longest);
        until
    }

    /// How much of the stop is left at `now`.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Whether there was no failure since the last success.
    pub(super) fn is_clear(&self) -> bool {
        self.until.is_none()
    }

    /// Ends the stop, and makes the next one short again.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.first, self.longest);
    }
}

/// A pause and up to as much again at random, so that waiting processes do not move in step.
pub(super) fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(0);
    pause + pause.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let (first, longest) = (Duration::from_secs(60), Duration::from_secs(150));
        let mut backoff = Backoff::new(first, longest);
        let now = Instant::now();
        assert_eq!(backoff.left(now), None);
        for wanted in [60, 120, 150, 150] {
            backoff.fail(now);
            assert_eq!(backoff.left(now), Some(Duration::from_secs(wanted)));
            assert_eq!(backoff.left(now + Duration::from_secs(wanted)), None);
        }
        backoff.clear();
        assert_eq!(backoff.left(now), None);
        backoff.fail(now);
        assert_eq!(backoff.left(now), Some(first));
    }
}
