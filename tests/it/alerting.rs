//! The alerts as the person on call gets them: a real Prometheus with the rules of `deploy/monitoring` scrapes a hub and
//! two sidecars under load. What breaks makes its alert fire, and what is mended ends it.

mod prometheus;

use std::sync::Arc;

use salesforce_sim::{Effect, Fault};

use self::prometheus::Prometheus;
use crate::chaos::backend::Kind;
use crate::chaos::fleet::{Fleet, Member, Shape, Size};
use crate::chaos::load::{self, Load, Pace};
use crate::chaos::say;
use crate::world::eventually;

const SIZE: Size = Size { sidecars: 2, connections: 30 };
const PACE: Pace = Pace { callers: 60, per_second: 100 };
/// The tenant whose grant is revoked.
const REVOKED: usize = 7;

/// The hub and each sidecar.
const PROCESSES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: Prometheus watches for a minute"]
async fn alerts_fire_and_resolve_as_redis_a_grant_and_the_token_endpoint_fail_and_come_back() {
    let fleet = Arc::new(Fleet::start(Shape::WatchfulHub, SIZE, Kind::Single, None).await);
    load::warm(&fleet).await;
    let load = Load::start(&fleet, PACE, 0);
    let addresses = |members: &[Arc<Member>]| members.iter().map(|one| one.ops()).collect();
    let jobs = [("hub", addresses(&fleet.hubs)), ("app", addresses(&fleet.sidecars))];
    let prometheus = Prometheus::start(&jobs).await;
    prometheus.until_sum("orgpass_stored_connections{status=\"active\"}", SIZE.connections as f64).await;
    prometheus.until_all_rules_are_evaluated().await;
    prometheus.until_nothing_fires().await;

    redis_is_away(&fleet, &prometheus).await;
    a_grant_is_revoked(&fleet, &prometheus).await;
    the_token_endpoint_fails(&fleet, &prometheus).await;

    prometheus.until_nothing_fires().await;
    let fired = prometheus.fired().await;
    say(&format!("fired: {fired:?}"));
    for never in ["OrgpassGrantLost", "OrgpassKeyUnknown", "OrgpassStoreWentBack", "OrgpassAccessLogDropped"] {
        assert!(!fired.contains(never), "{fired:?}");
    }
    let tally = load.end().await;
    say(&tally.summary());
    assert!(tally.failures.is_empty() && tally.misconfigured == 0, "{}\n{}", tally.summary(), tally.told.join("\n"));
    let people: Vec<_> = tally.reauthorize.keys().collect();
    assert_eq!(people, [&fleet.connections[REVOKED].tenant]);
    let sim = &fleet.sim;
    assert_eq!((sim.spent_tokens_presented(), sim.simultaneous_uses()), (0, 0));
}

async fn redis_is_away(fleet: &Fleet, prometheus: &Prometheus) {
    let backend = Arc::clone(&fleet.backend);
    tokio::task::spawn_blocking(move || backend.lock().unwrap().single().kill()).await.unwrap();
    prometheus.until_firing("OrgpassStoreDown", PROCESSES).await;
    let backend = Arc::clone(&fleet.backend);
    tokio::task::spawn_blocking(move || backend.lock().unwrap().single().restart()).await.unwrap();
    prometheus.until_firing("OrgpassStoreDown", 0).await;
}

async fn a_grant_is_revoked(fleet: &Arc<Fleet>, prometheus: &Prometheus) {
    assert!(fleet.sim.revoke_grant(&fleet.connections[REVOKED].tokens.refresh_token));
    let alerts = prometheus.until_firing("OrgpassConnectionsNeedPeople", 1).await;
    let label = |name: &str| alerts[0]["labels"][name].as_str().unwrap();
    assert_eq!((label("job"), label("status"), label("cause")), ("hub", "reauthorize", "revoked"));
    assert_eq!(alerts[0]["annotations"]["summary"], "1 connections are reauthorize: revoked");
    let operator = Arc::clone(fleet);
    tokio::task::spawn_blocking(move || operator.connect_again(REVOKED)).await.unwrap();
    prometheus.until_firing("OrgpassConnectionsNeedPeople", 0).await;
}

async fn the_token_endpoint_fails(fleet: &Fleet, prometheus: &Prometheus) {
    let fault = fleet.sim.fault(Fault::on_token_endpoint(Effect::Status(503, String::new())).for_good());
    for connected in &fleet.connections {
        fleet.sim.expire_sessions(&connected.org);
    }
    let alerts = prometheus.until_firing("OrgpassExchangesFail", 1).await;
    assert_eq!(alerts[0]["labels"]["job"], "hub", "sidecars exchange nothing");
    fault.end();
    prometheus.until_firing("OrgpassExchangesFail", 0).await;
    let all = SIZE.connections as u64;
    eventually("each connection has a session again", async || fleet.sim.successful_exchanges() >= all).await;
    say(&format!("{} exchanges, {all} of them with tokens", fleet.sim.exchanges()));
}
