//! The simulator's clock: the machine's own plus what tests have turned it by. It never runs backwards
//! by a test's doing, so whatever has expired stays expired.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A moment in milliseconds since the epoch, as `issued_at` shows it.
pub(crate) type Millis = u64;

#[derive(Default)]
pub(crate) struct Clock {
    turned: AtomicU64,
}

impl Clock {
    pub(crate) fn now(&self) -> Millis {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        millis(real) + self.turned.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.turned.fetch_add(millis(by), Ordering::Relaxed);
    }
}

/// Whole milliseconds of `duration`; a length beyond 500 million years is cut to the largest number.
pub(crate) fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4)
}

/// Durations in JSON are numbers of seconds.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(from)?;
    Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)
}

/// As [`seconds`], where `null` is none.
pub(crate) fn optional_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let seconds = Option::<f64>::deserialize(from)?;
    seconds.map(|seconds| Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)).transpose()
}
