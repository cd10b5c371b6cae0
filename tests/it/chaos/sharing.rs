//! Many processes share connections whose sessions end all the time: one exchange for each end, and no call fails.

use std::time::Duration;

use salesforce_sim::Exchanged;

use super::backend::Kind;
use super::fleet::{Fleet, Shape, Size};
use super::load::{Load, Pace};
use super::{LARGE, SMALL, say, tell_of_exchanges};

/// How long a session lives. Of one that is over before it was used nobody can tell whether the org refuses it, and no
/// call may fail here: so long that a busy machine has used it by then.
const SESSION: Duration = Duration::from_secs(4);

/// Every session dies again and again under the load, and nobody is answered anything but 200.
async fn share(shape: Shape, (size, pace): (Size, Pace), length: Duration) {
    let fleet = Fleet::start(shape, size, Kind::Single, Some(SESSION)).await;
    let load = Load::start(&fleet, pace, 0);
    let calls = f64::from(pace.per_second) * length.as_secs_f64();
    load.until_begun(calls as u64).await;
    let tally = load.end().await;
    say(&format!("{shape:?}: {}", tally.summary()));
    tell_of_exchanges(&fleet).await;
    tally.assert_flawless();
    assert!(tally.good.len() as f64 >= calls, "{} of {calls} calls were made", tally.good.len());
    let sim = &fleet.sim;
    assert_eq!((sim.spent_tokens_presented(), sim.simultaneous_uses()), (0, 0));
    let log = sim.exchange_log();
    let early = log.iter().filter(|exchange| exchange.result != Exchanged::Issued { early: false }).count();
    assert_eq!(early, 0, "each exchange follows the end of a session");
    assert_eq!(sim.exchanges(), sim.successful_exchanges(), "one request for each");
    let least = fleet.connections.len() as f64 * (length.as_secs_f64() / SESSION.as_secs_f64()) / 2.0;
    assert!(log.len() as f64 > least, "{} exchanges: the sessions did die", log.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecars_share_connections_without_a_failed_call() {
    share(Shape::Sidecars, SMALL, Duration::from_secs(14)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecars_that_ask_two_hubs_share_connections_without_a_failed_call() {
    share(Shape::Hubs, SMALL, Duration::from_secs(14)).await;
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
