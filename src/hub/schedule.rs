//! When a connection is looked at next. Derived from what its record says and from a hash of its name, so that whichever
//! hub leads comes to the same.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::connection::{Cause, ConnectionKey, Status};
use crate::store::{Head, StoreTime};

/// After a first refusal that an admin must cure; later ones wait for twice as long each time.
const FIRST: Duration = Duration::from_secs(60);
/// The longest such wait.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// Whoever must be activated first is not asked for more often.
const INACTIVE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long after `now` the connection is to be looked at again; `None` for one of which nothing is to be found out.
pub(super) fn next(key: &ConnectionKey, head: &Head, now: StoreTime, every: Duration) -> Option<Duration> {
    match (head.status, head.cause) {
        (Status::Pending | Status::Disconnected | Status::Reauthorize, _) => None,
        (Status::Active, _) => Some(regular(key, now, every)),
        (_, Some(Cause::UserInactive | Cause::OrgInactive)) => Some(INACTIVE),
        // The state has lasted for as long as the last wait began after its start, so this doubles.
        _ => Some(Duration::from_millis(now.millis_since(head.since)).clamp(FIRST, LONGEST)),
    }
}

/// How long after it is found a new connection is first looked at: anywhere within the period.
pub(super) fn first(key: &ConnectionKey, every: Duration) -> Duration {
    every.mul_f64(f64::from(share(key)) / f64::from(u32::MAX))
}

/// The time to the connection's own moment in the period. However late the last look was, the next ones are spread.
fn regular(key: &ConnectionKey, now: StoreTime, every: Duration) -> Duration {
    let period = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
    let moment = u64::try_from(first(key, every).as_millis()).unwrap_or(0);
    let since = (now.0 + period - moment.min(period)) % period;
    Duration::from_millis(period - since)
}

fn share(key: &ConnectionKey) -> u32 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Generation;
    use crate::store::GrantKind;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const MINUTE: u64 = 60 * 1000;

    fn key(number: usize) -> ConnectionKey {
        ConnectionKey::parse(&format!("tenant-{number}"), None).unwrap()
    }

    fn head(cause: Option<Cause>) -> Head {
        Head {
            status: cause.map_or(Status::Active, Cause::status),
            cause,
            since: StoreTime(1000 * MINUTE),
            ..Head::new(Generation::first(), "default", GrantKind::RefreshToken, None)
        }
    }

    #[test]
    fn ten_thousand_connections_are_spread_evenly_over_the_period() {
        for now in [0, 12_345_678_901] {
            let mut tenths = [0; 10];
            for number in 0..10_000 {
                let wait = next(&key(number), &head(None), StoreTime(now), 6 * HOUR).unwrap();
                assert!(wait > Duration::ZERO && wait <= 6 * HOUR, "{wait:?}");
                tenths[usize::try_from((wait.as_secs() * 10 / (6 * HOUR).as_secs()).min(9)).unwrap()] += 1;
                assert!(first(&key(number), 6 * HOUR) <= 6 * HOUR);
            }
            assert!(tenths.iter().all(|count| (850..=1150).contains(count)), "{tenths:?}");
        }
    }

    #[test]
    fn a_connection_keeps_its_moment_however_late_a_look_was() {
        for number in 0..100 {
            let at = |now: u64| {
                let wait = next(&key(number), &head(None), StoreTime(now), HOUR).unwrap();
                (now + u64::try_from(wait.as_millis()).unwrap()) % (60 * MINUTE)
            };
            assert_eq!(at(777 * MINUTE), at(1234 * MINUTE + 567));
        }
    }

    #[test]
    fn what_an_admin_must_cure_is_tried_again_after_doubling_waits() {
        let mut now = StoreTime(1000 * MINUTE);
        for wanted in [1, 1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = next(&key(1), &head(Some(Cause::IpRestricted)), now, 6 * HOUR).unwrap();
            assert_eq!(wait, Duration::from_millis(wanted * MINUTE));
            now.0 += wanted * MINUTE;
        }
    }

    #[test]
    fn inactive_users_are_tried_daily_and_what_a_person_must_cure_never() {
        let next = |cause| next(&key(1), &head(Some(cause)), StoreTime(1000 * MINUTE), 6 * HOUR);
        assert_eq!(next(Cause::UserInactive), Some(24 * HOUR));
        assert_eq!(next(Cause::OrgInactive), Some(24 * HOUR));
        assert_eq!(next(Cause::Revoked), None);
        assert_eq!(next(Cause::OutcomeUnknown), Some(Duration::from_secs(60)));
    }
}
