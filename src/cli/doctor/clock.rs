//! Clocks: how far another's is from this machine's.

use std::time::{Duration, SystemTime};

/// Assertions live for three minutes.
const APART: Duration = Duration::from_secs(120);
const DRIFT: Duration = Duration::from_secs(30);

/// How two clocks stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clocks {
    Agree,
    Drift(Duration),
    Apart(Duration),
}

impl Clocks {
    /// This machine's clock beside another's.
    pub(super) fn beside(there: SystemTime) -> Self {
        Self::of(SystemTime::now(), there)
    }

    fn of(here: SystemTime, there: SystemTime) -> Self {
        let apart = here.duration_since(there).unwrap_or_else(|earlier| earlier.duration());
        match apart {
            _ if apart > APART => Self::Apart(apart),
            _ if apart > DRIFT => Self::Drift(apart),
            _ => Self::Agree,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_apart_in_either_direction() {
        let here = SystemTime::now();
        let by = Duration::from_secs;
        assert_eq!(Clocks::of(here, here + by(30)), Clocks::Agree);
        assert_eq!(Clocks::of(here, here - by(31)), Clocks::Drift(by(31)));
        assert_eq!(Clocks::of(here, here + by(121)), Clocks::Apart(by(121)));
        assert_eq!(Clocks::of(here, here - by(121)), Clocks::Apart(by(121)));
    }
}
