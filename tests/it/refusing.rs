//! An org that refuses even fresh tokens is not asked for more of them.

use std::time::{Duration, Instant};

use http::Method;
use orgpass::connection::{Cause, Status};
use redis_child::RedisChild;
use salesforce_sim::{ApiFamily, AppOptions};

use crate::authenticating::LIMITS;
use crate::caller::{Caller, Reply, crowd};
use crate::exchanging::second_process;
use crate::world::{Options, World, eventually};

const JOB: &str = "/services/async/67.0/job";
const JOB_JSON: &str = r#"{"operation":"insert","object":"Account","contentType":"JSON"}"#;

async fn rest(caller: &Caller) -> Reply {
    caller.get(LIMITS).tenant("acme").send().await
}

async fn bulk(caller: &Caller) -> Reply {
    caller.post(JOB, JOB_JSON).header("content-type", "application/json").tenant("acme").send().await
}

fn is_misconfigured(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.error()), (403, Some("misconfigured")), "{reply:?}");
    let error = &reply.json()[0];
    assert_eq!(error["errorCode"], "ORGPASS_MISCONFIGURED");
    let message = error["message"].as_str().unwrap();
    for part in ["INVALID_SESSION_ID", "IP", "API", "session"] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_refuses_every_fresh_token_costs_one_exchange_and_the_caller_is_told_why() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.restrict_ip(&acme.org, None);
    let caller = world.caller();
    is_misconfigured(&rest(&caller).await);
    assert_eq!(world.sim.exchanges(), 1);

    crowd(1000, || caller.get(LIMITS).tenant("acme")).await.iter().for_each(is_misconfigured);
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
    let refused = (Status::Misconfigured, Some(Cause::FreshTokenRefused));
    eventually("the status in the store", async || world.stored_status(&acme.key).await == refused).await;

    world.sim.lift_ip_restriction(&acme.org);
    assert_eq!(rest(&caller).await.status, 200);
    assert_eq!(world.sim.exchanges(), 1);
    let cured = (Status::Active, None);
    eventually("the status in the store", async || world.stored_status(&acme.key).await == cured).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_meets_a_restricted_org_costs_one_exchange() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let caller = world.caller();
    assert_eq!(rest(&caller).await.status, 200);
    world.sim.restrict_ip(&acme.org, None);
    crowd(1000, || caller.get(LIMITS).tenant("acme")).await.iter().for_each(is_misconfigured);
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_each_cool_down_one_exchange_is_tried_and_the_next_cool_down_is_twice_as_long() {
    const COOLDOWN: Duration = Duration::from_secs(1);
    let world = World::configured("tokens.cooldown = \"1s\"").await;
    let acme = world.connect("acme", None).await;
    world.sim.restrict_ip(&acme.org, None);
    let caller = world.caller();
    // Before the first cool-down begins, or it would seem too short on a machine that is slow to answer.
    let began = Instant::now();
    is_misconfigured(&rest(&caller).await);
    assert_eq!(world.sim.exchanges(), 1);
    for (exchanges, at_least) in [(2, COOLDOWN), (3, 3 * COOLDOWN)] {
        let tried = async || {
            is_misconfigured(&rest(&caller).await);
            world.sim.exchanges() >= exchanges
        };
        eventually("another exchange", tried).await;
        assert_eq!(world.sim.exchanges(), exchanges);
        assert!(began.elapsed() >= at_least, "{exchanges} exchanges after {:?}", began.elapsed());
    }
    world.sim.lift_ip_restriction(&acme.org);
    assert_eq!(rest(&caller).await.status, 200);
    assert_eq!(world.sim.spent_tokens_presented(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_api_familys_refusal_does_not_take_the_others_down() {
    let world = World::configured("tokens.cooldown = \"100ms\"").await;
    let acme = world.connect("acme", None).await;
    let caller = world.caller();
    assert_eq!(rest(&caller).await.status, 200);
    world.sim.restrict_ip(&acme.org, Some(ApiFamily::Bulk1));
    for _ in 0..3 {
        let exchanges = world.sim.exchanges();
        let tried = async || {
            let reply = bulk(&caller).await;
            assert_eq!(reply.error(), Some("misconfigured"), "{reply:?}");
            assert_eq!(reply.json()["exceptionCode"], "ORGPASS_MISCONFIGURED");
            assert!(reply.json()["exceptionMessage"].as_str().unwrap().contains("InvalidSessionId"), "{reply:?}");
            let reply = rest(&caller).await;
            assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, None));
            let reply = caller.call(Method::GET, "/services/oauth2/userinfo").tenant("acme").send().await;
            assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, None));
            world.sim.exchanges() > exchanges
        };
        eventually("another exchange for the refused family", tried).await;
    }
    // The connection as a whole was never called misconfigured.
    assert_eq!(world.stored_status(&acme.key).await, (Status::Active, None));
    assert_eq!(world.metric("orgpass_store_operation_duration_seconds_count{operation=\"set_status\"}").await, 0.0);

    world.sim.lift_ip_restriction(&acme.org);
    assert_eq!(bulk(&caller).await.status, 201);
    assert_eq!(world.sim.spent_tokens_presented(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_last_family_is_refused_too_the_connection_is_misconfigured() {
    let world = World::configured("tokens.cooldown = \"100ms\"").await;
    let acme = world.connect("acme", None).await;
    let caller = world.caller();
    assert_eq!(rest(&caller).await.status, 200);
    assert_eq!(bulk(&caller).await.status, 201);
    world.sim.restrict_ip(&acme.org, None);
    assert_eq!(bulk(&caller).await.error(), Some("misconfigured"));
    assert_eq!(world.stored_status(&acme.key).await, (Status::Active, None));
    let refused = (Status::Misconfigured, Some(Cause::FreshTokenRefused));
    let called = async || {
        is_misconfigured(&rest(&caller).await);
        world.stored_status(&acme.key).await == refused
    };
    eventually("the status in the store", called).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_end_as_soon_as_they_were_used_are_replaced_each_time_and_not_taken_for_refused() {
    // By Salesforce's clock; by that of Orgpass they were earned a moment ago.
    const LIFE: Duration = Duration::from_secs(60);
    let app = AppOptions { session_timeout: LIFE, ..AppOptions::default() };
    let world = World::with(Options { app, ..Options::default() }).await;
    world.connect("acme", None).await;
    let caller = world.caller();
    assert_eq!(rest(&caller).await.status, 200);
    for exchanges in 1..=10 {
        world.sim.advance(LIFE);
        for reply in crowd(20, || caller.get(LIMITS).tenant("acme")).await {
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (exchanges, 0));
    }
}

/// A process that has just started finds a session that others were served with, and that has died since.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_starts_does_not_take_a_new_session_that_has_died_for_one_that_never_lived() {
    let redis = RedisChild::start();
    let world = World::on(&redis).await;
    let acme = world.connect("acme", None).await;
    let started = [second_process(&world).await, second_process(&world).await];
    let [first, second] =
        [&started[0], &started[1]].map(|process| Caller::new(process.proxy_address().unwrap(), world.seen.clone()));
    world.sim.expire_sessions(&acme.org);
    assert_eq!((rest(&world.caller()).await.status.as_u16(), world.sim.exchanges()), (200, 1));
    world.sim.expire_sessions(&acme.org);
    let reply = rest(&first).await;
    assert_eq!((reply.status.as_u16(), world.sim.exchanges()), (200, 2), "{reply:?}");

    // One that never lived costs each process that starts one exchange at most.
    world.sim.restrict_ip(&acme.org, None);
    is_misconfigured(&rest(&first).await);
    assert_eq!(world.sim.exchanges(), 3);
    for caller in [&second, &first] {
        crowd(100, || caller.get(LIMITS).tenant("acme")).await.iter().for_each(is_misconfigured);
    }
    assert!(world.sim.exchanges() <= 4, "{}", world.sim.exchanges());
    for process in started {
        assert!(tokio::task::spawn_blocking(|| process.stop()).await.unwrap());
    }
}
