//! Redis is away, dead or hanging, while sessions live: no call notices, and nothing needs a restart.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis_child::Paused;

use super::backend::Kind;
use super::fleet::{Fleet, Shape, Size};
use super::load::{self, Load, Pace};
use super::{LARGE, SMALL, say, tell_of_exchanges};
use crate::world::eventually;

/// What two busy processors alone add to one call in a hundred.
const NOISE_MS: f64 = 5.0;

/// How Redis goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Away {
    /// Connections to it stay open, and nothing is answered.
    Hanging,
    /// Killed, and started again.
    Dead,
}

async fn goes_away(away: Away, shape: Shape, (size, pace): (Size, Pace), length: Duration, is_timed: bool) {
    let fleet = Fleet::start(shape, size, Kind::Single, None).await;
    load::warm(&fleet).await;
    let load = Load::start(&fleet, pace, 0);
    tokio::time::sleep(length).await;
    let (from, from_time) = (load.elapsed(), unix_time());
    let backend = Arc::clone(&fleet.backend);
    let mut gone = Gone::now(away, backend).await;
    for sidecar in &fleet.sidecars {
        eventually("it is reported", async || {
            let says = sidecar.readiness().await;
            says.contains("degraded") && says.contains("store_unavailable")
        })
        .await;
    }
    tokio::time::sleep(length.saturating_sub(load.elapsed() - from)).await;
    let (to, to_time) = (load.elapsed(), unix_time());
    gone.is_back().await;
    for sidecar in &fleet.sidecars {
        eventually("all is well again", async || sidecar.readiness().await.contains("\"ok\"")).await;
    }
    // What needs the store works again, in the processes that were there before.
    for connected in &fleet.connections {
        fleet.sim.expire_sessions(&connected.org);
    }
    let all = fleet.connections.len() as u64;
    eventually("each has a new session", async || fleet.sim.successful_exchanges() >= all).await;
    let tally = load.end().await;
    say(&format!("{away:?}, {shape:?}: {}", tally.summary()));
    tell_of_exchanges(&fleet).await;
    for window in [Duration::ZERO..from, from..to] {
        let percentiles = [500, 990].map(|permille| tally.percentile(window.clone(), permille));
        say(&format!("p50 and p99 {window:.1?}: {percentiles:.1?}"));
    }
    // The simulator shares the processors with everybody; what the sidecars add is what a missing Redis could change.
    let [before, meanwhile] = [from_time - from.as_secs_f64()..from_time, from_time..to_time].map(|window| {
        let own = fleet.own_times(&window);
        own[own.len() * 99 / 100]
    });
    say(&format!("p99 of the sidecars' own time: {before:.2} ms, without Redis {meanwhile:.2} ms"));
    tally.assert_flawless();
    assert_eq!((fleet.sim.exchanges(), fleet.sim.spent_tokens_presented()), (all, 0));
    assert!(!is_timed || meanwhile <= before * 2.0 + NOISE_MS, "{meanwhile} ms after {before} ms");
}

fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Redis, while it is away.
enum Gone {
    Paused(Option<Paused>),
    Killed(Arc<std::sync::Mutex<super::backend::Backend>>),
}

impl Gone {
    async fn now(away: Away, backend: Arc<std::sync::Mutex<super::backend::Backend>>) -> Self {
        let go = move || {
            let mut held = backend.lock().unwrap();
            match away {
                Away::Hanging => Self::Paused(Some(held.single().pause())),
                Away::Dead => {
                    held.single().kill();
                    drop(held);
                    Self::Killed(backend)
                }
            }
        };
        tokio::task::spawn_blocking(go).await.unwrap()
    }

    async fn is_back(&mut self) {
        match self {
            Self::Paused(paused) => drop(paused.take()),
            Self::Killed(backend) => {
                let backend = Arc::clone(backend);
                tokio::task::spawn_blocking(move || backend.lock().unwrap().single().restart()).await.unwrap();
            }
        }
    }
}

const SHORT: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_not_noticed_by_calls_with_live_sessions() {
    goes_away(Away::Hanging, Shape::Sidecars, SMALL, SHORT, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_is_not_noticed_by_calls_with_live_sessions() {
    goes_away(Away::Dead, Shape::Hubs, SMALL, SHORT, false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: three minutes"]
async fn twenty_sidecars_go_on_as_fast_for_a_minute_without_an_answer_of_redis() {
    goes_away(Away::Hanging, Shape::Sidecars, LARGE, LONG, true).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: three minutes"]
async fn twenty_sidecars_of_two_hubs_go_on_as_fast_for_a_minute_without_redis() {
    goes_away(Away::Dead, Shape::Hubs, LARGE, LONG, true).await;
}
