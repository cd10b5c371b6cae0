//! Tokens never break: real processes under load, whatever is killed, away or answers badly. Each connection that a
//! person would have to consent to again is explained by an answer that was lost.

mod backend;
mod fleet;
mod leaks;
mod load;

use std::time::Duration;

use salesforce_sim::Exchanged;

use self::backend::Backend;
use self::fleet::{Fleet, Shape, Size};
use self::load::{Load, Pace, Tally};

/// How long a session lives, so that there are many exchanges.
const SESSION: Duration = Duration::from_secs(2);

const SMALL: (Size, Pace) = (Size { sidecars: 4, connections: 10 }, Pace { callers: 40, per_second: 100 });
const LARGE: (Size, Pace) = (Size { sidecars: 20, connections: 50 }, Pace { callers: 200, per_second: 500 });

/// Random numbers that a seed repeats: SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end as u64).unwrap()
    }
}

/// What a test measured or was seeded with; shown when it fails, or with `--nocapture`.
pub fn say(what: &str) {
    println!("{what}");
}

/// Every session dies again and again under the load, and nobody is answered anything but 200.
async fn share(shape: Shape, (size, pace): (Size, Pace), length: Duration) {
    let fleet = Fleet::start(shape, size, Backend::single(), Some(SESSION)).await;
    let load = Load::start(&fleet, pace, 0);
    tokio::time::sleep(length).await;
    let tally = load.end().await;
    say(&format!("{shape:?}: {}", tally.summary()));
    tell_of_exchanges(&fleet).await;
    tally.assert_flawless();
    assert_held(&tally, pace, length);
    let sim = &fleet.sim;
    assert_eq!((sim.spent_tokens_presented(), sim.simultaneous_uses()), (0, 0));
    let log = sim.exchange_log();
    let early = log.iter().filter(|exchange| exchange.result != Exchanged::Issued { early: false }).count();
    assert_eq!(early, 0, "each exchange follows the end of a session");
    assert_eq!(sim.exchanges(), sim.successful_exchanges(), "one request for each");
    let least = fleet.connections.len() as f64 * (length.as_secs_f64() / SESSION.as_secs_f64()) / 2.0;
    assert!(log.len() as f64 > least, "{} exchanges: the sessions did die", log.len());
}

async fn tell_of_exchanges(fleet: &Fleet) {
    let adopted = fleet.metric("orgpass_adopted_generations_total").await;
    let sim = &fleet.sim;
    say(&format!(
        "{} exchanges, {} with tokens, {} spent tokens presented, {} simultaneous, {adopted} generations adopted",
        sim.exchanges(),
        sim.successful_exchanges(),
        sim.spent_tokens_presented(),
        sim.simultaneous_uses()
    ));
}

/// The load was what it should be: a slow machine must not pass as a calm one.
fn assert_held(tally: &Tally, pace: Pace, length: Duration) {
    let wanted = f64::from(pace.per_second) * length.as_secs_f64();
    assert!(tally.good.len() as f64 > wanted * 0.8, "{} of {wanted} calls were made", tally.good.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecars_share_connections_without_a_failed_call() {
    share(Shape::Sidecars, SMALL, Duration::from_secs(8)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecars_that_ask_two_hubs_share_connections_without_a_failed_call() {
    share(Shape::Hubs, SMALL, Duration::from_secs(8)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: two minutes"]
async fn twenty_sidecars_share_fifty_connections_for_two_minutes_without_a_failed_call() {
    share(Shape::Sidecars, LARGE, Duration::from_secs(120)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: two minutes"]
async fn twenty_sidecars_that_ask_two_hubs_share_fifty_connections_for_two_minutes_without_a_failed_call() {
    share(Shape::Hubs, LARGE, Duration::from_secs(120)).await;
}
