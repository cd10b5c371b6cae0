//! The orderly end: bodies in flight are finished, an exchange under way is stored, and operators see it coming.

use http_body_util::BodyExt;
use salesforce_sim::{Effect, Fault};

use super::LIMITS;
use crate::world::{Options, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_flight_is_finished_before_the_end() {
    let mut world = World::start().await;
    world.connect("acme", None).await;
    let mut slow = world.caller().get("/services/apexrest/trickle?chunks=4").tenant("acme").start().await.unwrap();
    let mut received = slow.body_mut().frame().await.unwrap().unwrap().into_data().unwrap().len();

    world.orgpass().begin_stop();
    let reply = world.operator().get("/readyz").send().await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["status"], "unavailable");
    assert_eq!(reply.json()["reasons"][0], "draining");
    assert_eq!(world.operator().get("/livez").send().await.status, 200, "it is not dead yet");

    world.sim.release_trickle(3);
    received += slow.into_body().collect().await.unwrap().to_bytes().len();
    let whole = world.sim.requests().remove(0);
    assert_eq!(whole.status, Some(200));
    let address = world.orgpass().proxy_address().unwrap();
    assert!(world.stop().await, "nothing was cut short");
    assert!(received > 0 && tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
    assert!(world.log.text().contains("\"outcome\":\"relayed\""), "{}", world.log.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_will_not_end_is_cut_when_the_time_is_over() {
    let config = "[proxy]\ndrain_timeout = \"200ms\"".to_owned();
    let mut world = World::with(Options { config, ..Options::default() }).await;
    world.connect("acme", None).await;
    let mut slow = world.caller().get("/services/apexrest/trickle?chunks=4").tenant("acme").start().await.unwrap();
    slow.body_mut().frame().await.unwrap().unwrap();
    assert!(!world.stop().await, "it was cut short, and that is told");
    slow.into_body().collect().await.expect_err("the caller sees that the body is not whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_under_way_is_stored_although_its_caller_and_the_process_go() {
    let mut world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::HoldAnswer));
    let call = tokio::spawn(world.caller().get(LIMITS).tenant("acme").send());
    held.wait_held(1).await;
    call.abort();
    let _ = call.await;
    world.orgpass().begin_stop();
    held.release();
    world.restart().await;
    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, None), "the new token is in the store");
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_waits_for_an_exchange_gets_its_answer_before_the_end() {
    let mut world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let call = tokio::spawn(world.caller().get(LIMITS).tenant("acme").send());
    held.wait_held(1).await;
    world.orgpass().begin_stop();
    held.release();
    let reply = call.await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.header("orgpass-replay")), (200, Some("done")));
    assert!(world.stop().await);
}
