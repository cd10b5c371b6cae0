//! Moments as text: ISO 8601 in data, the older form of HTTP dates in cookies.

use crate::clock::Millis;

const DAY: u64 = 24 * 60 * 60 * 1000;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `2026-11-26T18:21:03.517Z`.
pub(crate) fn iso(at: Millis) -> String {
    let (year, month, day) = date(at);
    let (hour, minute, second) = time(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", at % 1000)
}

/// `Thu, 26-Nov-2026 18:21:03 GMT`.
pub(crate) fn cookie_date(at: Millis) -> String {
    let (year, month, day) = date(at);
    let (hour, minute, second) = time(at);
    let weekday = WEEKDAYS[usize::try_from(at / DAY % 7).expect("below seven")];
    let month = MONTHS[usize::try_from(month - 1).expect("below twelve")];
    format!("{weekday}, {day:02}-{month}-{year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

fn time(at: Millis) -> (u64, u64, u64) {
    let seconds = at / 1000;
    (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Year, month and day. Counted in years that begin in March, so that a leap day is the last of its year.
fn date(at: Millis) -> (u64, u64, u64) {
    /// The days from 0000-03-01 to 1970-01-01.
    const BEFORE_EPOCH: u64 = 719_468;
    /// The days of 400, 100 and 4 years, and of one.
    const ERA: u64 = 146_097;
    const CENTURY: u64 = 36_524;
    const LEAP: u64 = 1_461;
    const YEAR: u64 = 365;
    let days = at / DAY + BEFORE_EPOCH;
    let (era, of_era) = (days / ERA, days % ERA);
    let year_of_era = (of_era - of_era / (LEAP - 1) + of_era / CENTURY - of_era / (ERA - 1)) / YEAR;
    let of_year = of_era - (YEAR * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(951_782_400_001), "2000-02-29T00:00:00.001Z");
        assert_eq!(iso(1_709_251_199_999), "2024-02-29T23:59:59.999Z");
        assert_eq!(iso(4_102_444_800_000), "2100-01-01T00:00:00.000Z");
        assert_eq!(cookie_date(1_695_585_337_000), "Sun, 24-Sep-2023 19:55:37 GMT");
    }
}
