use super::*;

const LOGIN: &str = "login.salesforce.com";
const LIMITS: Limits = Limits { in_flight: 3, per_host: 2, per_hour: 4 };
const MINUTE: Duration = Duration::from_secs(60);

fn key(tenant: &str, user: &str) -> ConnectionKey {
    ConnectionKey::parse(tenant, Some(user)).unwrap()
}

fn held_by_app(breaker: &Breaker, app: &str, tenant: &str, now: Instant) -> Option<(Cause, Duration)> {
    match breaker.admit(app, LOGIN, &key(tenant, "other"), now) {
        Ok(_) => None,
        Err(Held { by: HeldBy::App(cause), retry_after }) => Some((cause, retry_after)),
        Err(held) => panic!("{held:?}"),
    }
}

fn fails(breaker: &Breaker, key: &ConnectionKey, cause: Cause, now: Instant) {
    let permit = breaker.admit("default", LOGIN, key, now).unwrap();
    breaker.note("default", key, Outcome::Refused(cause), now);
    drop(permit);
}

/// A breaker that three connections have opened at this moment.
fn open(now: Instant) -> Breaker {
    let breaker = Breaker::new(LIMITS);
    for user in ["a", "b", "c"] {
        assert_eq!(held_by_app(&breaker, "default", "acme", now), None);
        fails(&breaker, &key("acme", user), Cause::AppSecretWrong, now);
    }
    breaker
}

#[test]
fn a_wrong_secret_holds_the_app_after_three_connections_and_no_other_app() {
    let now = Instant::now();
    let breaker = open(now);
    assert_eq!(held_by_app(&breaker, "default", "globex", now), Some((Cause::AppSecretWrong, MINUTE)));
    assert_eq!(held_by_app(&breaker, "other", "globex", now), None);
}

#[test]
fn one_connection_is_no_reason_to_hold_the_others_however_often_it_is_refused() {
    let now = Instant::now();
    let breaker = Breaker::new(LIMITS);
    for _ in 0..4 {
        fails(&breaker, &key("acme", "a"), Cause::AppSecretWrong, now);
    }
    // Causes that are the connection's own affair are no reason either.
    for user in ["b", "c", "d"] {
        fails(&breaker, &key("acme", user), Cause::Revoked, now);
    }
    // Nor are witnesses of long ago.
    fails(&breaker, &key("acme", "e"), Cause::AppSecretWrong, now + 11 * MINUTE);
    fails(&breaker, &key("acme", "f"), Cause::AppSecretWrong, now + 11 * MINUTE);
    assert_eq!(held_by_app(&breaker, "default", "globex", now + 11 * MINUTE), None);
}

#[test]
fn what_one_tenants_admin_has_done_does_not_hold_the_other_tenants() {
    let now = Instant::now();
    let breaker = Breaker::new(LIMITS);
    for user in ["a", "b", "c"] {
        fails(&breaker, &key("acme", user), Cause::AppBlocked, now);
    }
    assert_eq!(held_by_app(&breaker, "default", "globex", now), None);
    for tenant in ["globex", "initech"] {
        fails(&breaker, &key(tenant, "a"), Cause::AppBlocked, now);
    }
    assert_eq!(held_by_app(&breaker, "default", "hooli", now), Some((Cause::AppBlocked, MINUTE)));
}

#[test]
fn an_open_breaker_lets_one_connection_try_at_a_time_and_waits_longer_after_each_failure() {
    let mut now = Instant::now();
    let breaker = open(now);
    for wait in [1, 2, 4, 8, 16, 30, 30] {
        let left = held_by_app(&breaker, "default", "globex", now).unwrap().1;
        assert_eq!(left, wait * MINUTE);
        now += left;
        let probe = breaker.admit("default", LOGIN, &key("acme", &wait.to_string()), now).unwrap();
        assert_eq!(held_by_app(&breaker, "default", "globex", now), Some((Cause::AppSecretWrong, PROBE_TAKES)));
        breaker.note("default", &key("acme", "a"), Outcome::Refused(Cause::AppSecretWrong), now);
        drop(probe);
    }
}

#[test]
fn a_probe_that_tells_nothing_is_followed_by_another_and_tokens_close_the_breaker() {
    let now = Instant::now();
    let breaker = open(now);
    let later = now + MINUTE;
    let probe = breaker.admit("default", LOGIN, &key("globex", "a"), later).unwrap();
    breaker.note("default", &key("globex", "a"), Outcome::Unclear, later);
    drop(probe);
    let probe = breaker.admit("default", LOGIN, &key("globex", "b"), later).unwrap();
    breaker.note("default", &key("globex", "b"), Outcome::Tokens, later);
    let beside = breaker.admit("default", LOGIN, &key("globex", "c"), later).unwrap();
    drop((probe, beside));
    // One more failure is one again.
    fails(&breaker, &key("globex", "d"), Cause::AppSecretWrong, later);
    assert_eq!(held_by_app(&breaker, "default", "globex", later), None);
}

#[test]
fn what_was_on_its_way_when_the_breaker_opened_does_not_lengthen_the_stop() {
    let now = Instant::now();
    let breaker = open(now);
    for user in ["late-1", "late-2"] {
        breaker.note("default", &key("acme", user), Outcome::Refused(Cause::AppSecretWrong), now);
    }
    assert_eq!(held_by_app(&breaker, "default", "globex", now).unwrap().1, MINUTE);
    breaker.forget("default");
    assert_eq!(held_by_app(&breaker, "default", "globex", now), None);
}

#[test]
fn exchanges_in_flight_are_capped_in_all_and_for_each_login_host() {
    let now = Instant::now();
    let breaker = Breaker::new(LIMITS);
    let admit = |host: &str, user: &str| breaker.admit("default", host, &key("acme", user), now);
    let by = |admitted: Result<Permit, Held>| admitted.err().map(|held| held.by);
    let first = admit("one", "a").unwrap();
    let _second = admit("one", "b").unwrap();
    assert_eq!(by(admit("one", "c")), Some(HeldBy::Host));
    let _third = admit("two", "d").unwrap();
    assert_eq!(by(admit("three", "e")), Some(HeldBy::InFlight));
    drop(first);
    assert_eq!(by(admit("one", "e")), None);
}

#[test]
fn a_connection_has_its_exchanges_of_an_hour_and_then_its_share_of_time() {
    let now = Instant::now();
    let breaker = Breaker::new(LIMITS);
    let admit = |at: Duration| breaker.admit("default", LOGIN, &key("acme", "a"), now + at);
    for _ in 0..4 {
        admit(Duration::ZERO).unwrap();
    }
    let held = Held { by: HeldBy::Connection, retry_after: 15 * MINUTE };
    assert_eq!(admit(Duration::ZERO).unwrap_err(), held);
    assert_eq!(admit(14 * MINUTE).unwrap_err().retry_after, MINUTE);
    admit(15 * MINUTE).unwrap();
    assert_eq!(admit(15 * MINUTE).unwrap_err(), held);
    breaker.admit("default", LOGIN, &key("acme", "b"), now).unwrap();
}

#[test]
fn connections_that_have_all_their_exchanges_again_are_forgotten() {
    let now = Instant::now();
    let breaker = Breaker::new(LIMITS);
    for round in 0..4 {
        for user in 0..1000 {
            breaker
                .admit("default", LOGIN, &key("acme", &format!("{round}-{user}")), now + round * 60 * MINUTE)
                .unwrap();
        }
    }
    assert!(breaker.state().caps.connections() <= 2048);
}

#[test]
fn apps_that_nobody_hears_of_any_more_are_not_kept() {
    let (breaker, start) = (open(Instant::now()), Instant::now());
    for number in 0..10 * KEPT {
        let now = start + number as u32 * MINUTE;
        breaker.note(&format!("own {number}"), &key("acme", "a"), Outcome::Refused(Cause::AppSecretWrong), now);
    }
    assert!(breaker.state().apps.len() <= KEPT, "{}", breaker.state().apps.len());
    assert!(!breaker.state().apps.contains_key("default"));
}
