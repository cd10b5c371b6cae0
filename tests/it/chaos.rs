//! Tokens never break: real processes under load, whatever is killed, away or answers badly. Each connection that a
//! person would have to consent to again is explained by an answer that was lost.

pub mod backend;
mod breaking;
pub mod fleet;
mod journal;
mod leaks;
pub mod load;
mod outage;
mod sharing;
mod trouble;
mod verdict;

use std::time::Duration;

use self::fleet::{Fleet, Size};
use self::load::Pace;

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

    pub fn upto(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.below(1001) as f64 / 1000.0)
    }
}

/// What a test measured or was seeded with; shown when it fails, or with `--nocapture`.
#[expect(clippy::print_stdout, reason = "measurements and seeds are what these tests are run for")]
pub fn say(what: &str) {
    println!("{what}");
}

/// A seed that is told, or the one in `ORGPASS_CHAOS_SEED`, which repeats what was told.
fn seed() -> u64 {
    let named = std::env::var("ORGPASS_CHAOS_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seed = named.unwrap_or_else(|| getrandom::u64().unwrap());
    say(&format!("ORGPASS_CHAOS_SEED={seed}"));
    seed
}

/// Says what the simulator counted.
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
