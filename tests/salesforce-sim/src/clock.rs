//! The simulator's clock: the machine's own plus what tests have turned it by. It never runs backwards
//! by a test's doing, so whatever has expired stays expired.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A moment in milliseconds since the epoch, as `issued_at` shows it.
pub(crate) type Millis = u64;

const DAY: Millis = 24 * 60 * 60 * 1_000;

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

/// A moment as XML has it, `2026-01-31T23:59:59.000Z`; JSON has `+0000` for the `Z`.
pub(crate) fn timestamp(at: Millis) -> String {
    let (days, within) = (at / DAY, at % DAY);
    // The civil calendar of Howard Hinnant's `civil_from_days`, for days since 1970.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (within / 3_600_000, within / 60_000 % 60);
    let (second, milli) = (within / 1_000 % 60, within % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// As [`timestamp`], as JSON has it.
pub(crate) fn json_timestamp(at: Millis) -> String {
    timestamp(at).replace('Z', "+0000")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_by_the_calendar() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(951_782_400_000 - 1), "2000-02-28T23:59:59.999Z");
        assert_eq!(timestamp(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(json_timestamp(1_767_225_600_000), "2026-01-01T00:00:00.000+0000");
    }
}
