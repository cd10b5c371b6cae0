//! Everything breaks while the load runs: no connection is lost but those whose answer nobody could read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backend::Kind;
use super::fleet::{End, Fleet, Shape, Size};
use super::load::{Load, Pace};
use super::trouble::{Endpoint, Trouble};
use super::{LARGE, SESSION, SMALL, say, seed, tell_of_exchanges, verdict};

/// The world breaks in every way while the load runs; once it is whole again, every connection works, or is one whose
/// token an answer took with it that nobody could read.
async fn break_things(shape: Shape, redis: Kind, (size, pace): (Size, Pace), trouble: Trouble, length: Duration) {
    let seed = seed();
    let fleet = Fleet::start(shape, size, redis, Some(SESSION)).await;
    let load = Load::start(&fleet, pace, seed);
    trouble.make(&fleet, length, seed).await;
    let calm = load.elapsed();
    settle(&fleet, length < LONG).await;
    say(&format!("settled {:.1?} after the trouble", load.elapsed() - calm));
    // Whether every connection works is judged below; that calls go through again may take until a wait for a lease of the
    // dead is over.
    let again = tokio::time::timeout(Duration::from_secs(90), async {
        while load.last_good() <= calm {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let goes_on = again.await.is_ok();
    let tally = load.end().await;
    say(&format!("{shape:?} on {redis:?}: {}", tally.summary()));
    tell_of_exchanges(&fleet).await;
    assert!(tally.failures.is_empty(), "{}\n{}", tally.summary(), tally.told.join("\n"));
    verdict::judge(&fleet).await;
    let lost = verdict::stated(&fleet).into_values().filter(|stated| stated.status == "reauthorize").count();
    assert!(tally.reauthorize.len() <= lost);
    assert!(goes_on, "calls go through again");
}

/// Waits, with the load still on, until every exchange of unknown outcome has been settled. That takes 45 s of the
/// store's clock, which is turned if there is no time for it.
async fn settle(fleet: &Fleet, turn: bool) {
    let began = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let backend = Arc::clone(&fleet.backend);
        let intents = tokio::task::spawn_blocking(move || backend.lock().unwrap().open_intents(turn)).await.unwrap();
        let is_passing = |stated: &verdict::Stated| matches!(stated.status.as_str(), "checking" | "misconfigured");
        let checking = verdict::stated(fleet).into_values().filter(is_passing).count();
        if (intents, checking) == (0, 0) {
            return;
        }
        let open = format!("{intents} exchanges are not settled, {checking} connections in doubt");
        assert!(began.elapsed() < Duration::from_secs(180), "{open}");
    }
}

/// How the token endpoint misbehaves for a long time.
const RARELY: Endpoint = Endpoint {
    loses_request: 100,
    loses_response: 500,
    is_slow: 50,
    takes: Duration::from_secs(5),
    is_being_processed: 50,
    answers_503: 50,
    answers_html: 100,
};

/// So often that a short test sees all of it.
const OFTEN: Endpoint = Endpoint {
    loses_request: 30,
    loses_response: 30,
    is_slow: 6,
    takes: Duration::from_secs(1),
    is_being_processed: 10,
    answers_503: 10,
    answers_html: 30,
};

fn trouble(ends: End, fails_over: bool) -> Trouble {
    let pause = Duration::from_secs(1);
    Trouble { ends: Some(ends), pause, fails_over: fails_over.then_some(2 * pause), endpoint: OFTEN }
}

fn long_trouble(ends: End) -> Trouble {
    let pause = Duration::from_secs(4);
    Trouble { ends: Some(ends), pause, fails_over: Some(5 * pause), endpoint: RARELY }
}

const SHORT: Duration = Duration::from_secs(8);
const LONG: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn killed_sidecars_and_a_killed_redis_lose_no_connection_but_those_whose_answer_is_lost() {
    break_things(Shape::Sidecars, Kind::Single, SMALL, trouble(End::Kill, true), SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hubs_that_are_told_to_stop_lose_nothing_but_what_the_wire_loses() {
    break_things(Shape::Hubs, Kind::Single, SMALL, trouble(End::Terminate, false), SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_sidecars_survive_a_fail_over_by_sentinels() {
    break_things(Shape::Sidecars, Kind::Sentinels, SMALL, trouble(End::Kill, true), SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_hubs_survive_a_fail_over_in_a_cluster() {
    break_things(Shape::Hubs, Kind::Cluster, SMALL, trouble(End::Kill, true), SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: four minutes"]
async fn twenty_killed_sidecars_survive_fail_overs_by_sentinels() {
    break_things(Shape::Sidecars, Kind::Sentinels, LARGE, long_trouble(End::Kill), LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: four minutes"]
async fn twenty_killed_sidecars_and_two_hubs_survive_fail_overs_in_a_cluster() {
    break_things(Shape::Hubs, Kind::Cluster, LARGE, long_trouble(End::Kill), LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: four minutes"]
async fn twenty_sidecars_and_two_hubs_that_are_told_to_stop_lose_nothing_but_what_the_wire_loses() {
    break_things(Shape::Hubs, Kind::Sentinels, LARGE, long_trouble(End::Terminate), LONG).await;
}
