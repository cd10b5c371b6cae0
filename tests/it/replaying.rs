//! Request bodies that meet a dead session are sent again whole, or not at all.

use std::path::PathBuf;

use bytes::Bytes;
use http::Method;
use salesforce_sim::{Effect, Fault};

use crate::bodies::{fed, noise, sha256, whole};
use crate::caller::{Caller, Reply, crowd};
use crate::world::{Connected, World, eventually};

const SINK: &str = "/services/apexrest/sink";
const KB: usize = 1000;
const MIB: usize = 1 << 20;
const SPILLING: &str = "proxy.replay_spill_dir = \".\"";
const BUFFERED: &str = "orgpass_replay_buffer_bytes";
const IN_FLIGHT: &str = "orgpass_requests_in_flight";

async fn post(caller: &Caller, body: &Bytes) -> Reply {
    caller.post(SINK, body.clone()).tenant("acme").send().await
}

/// The org read this body to its end, as one of the length that was declared.
fn is_received(reply: &Reply, body: &[u8]) {
    assert_eq!((reply.status.as_u16(), reply.error()), (200, None), "{reply:?}");
    let seen = reply.json();
    assert_eq!((seen["length"].as_u64(), seen["sha256"].as_str()), (Some(body.len() as u64), Some(&*sha256(body))));
}

/// Whatever the org carried out, it carried out with the whole body.
fn only_whole_bodies_were_carried_out(world: &World, bodies: &[&[u8]]) {
    let known: Vec<_> = bodies.iter().map(|body| sha256(body)).collect();
    for request in world.sim.requests().iter().filter(|request| request.path() == SINK && !request.dead) {
        assert!(request.status.is_none() || request.body_complete, "{request:?}");
        let hash: String = request.body_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(request.status.is_none() || known.contains(&hash), "{request:?}");
    }
}

async fn is_replayed(config: &str, length: usize, early: bool) {
    let world = World::configured(config).await;
    let acme = world.connect("acme", None).await;
    let body = noise(length);
    dies(&world, &acme, early);
    let reply = post(&world.caller(), &body).await;
    is_received(&reply, &body);
    assert_eq!(reply.header("orgpass-replay"), Some("done"));
    only_whole_bodies_were_carried_out(&world, &[&body]);
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
    world.until_metric(BUFFERED, 0.0).await;
}

/// The session dies; the org says so when it has read the body, or before.
fn dies(world: &World, connected: &Connected, early: bool) {
    world.sim.expire_sessions(&connected.org);
    if early {
        world.sim.fault(Fault::on_path(SINK, Effect::EarlyAnswer));
    }
}

async fn is_not_replayed_but_sending_again_succeeds(early: bool) {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let body = noise(5 * MIB);
    dies(&world, &acme, early);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let reply = post(&world.caller(), &body).await;
    assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("replay_not_possible")), "{reply:?}");
    assert_eq!(reply.header("orgpass-replay"), Some("not-possible"));
    assert!(reply.header("retry-after").is_some());
    assert_eq!(reply.json()[0]["errorCode"], "ORGPASS_REPLAY_NOT_POSSIBLE");

    // Sent again at once, while the exchange is under way, it is not spent on the dead session a second time.
    let again = tokio::spawn(world.caller().post(SINK, body.clone()).tenant("acme").send());
    held.wait_held(1).await;
    world.until_metric(IN_FLIGHT, 1.0).await;
    held.release();
    let reply = again.await.unwrap();
    is_received(&reply, &body);
    assert_eq!(reply.header("orgpass-replay"), None);
    only_whole_bodies_were_carried_out(&world, &[&body]);
    assert_eq!((world.sim.exchanges(), world.sim.spent_tokens_presented()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_body_is_replayed_from_memory() {
    is_replayed("", 10 * KB, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_is_replayed_from_the_spill() {
    is_replayed(SPILLING, 5 * MIB, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_without_a_spill_is_not_replayed_but_sending_it_again_succeeds() {
    is_not_replayed_but_sending_again_succeeds(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_body_is_replayed_though_the_org_answered_before_it_was_sent() {
    is_replayed("", 10 * KB, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_is_replayed_from_the_spill_though_the_org_answered_before_it_was_sent() {
    is_replayed(SPILLING, 5 * MIB, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_without_a_spill_is_not_replayed_when_the_org_answered_before_it_was_sent() {
    is_not_replayed_but_sending_again_succeeds(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_framed_as_the_request_was() {
    let world = World::configured(SPILLING).await;
    for (tenant, length) in [("small", 10 * KB), ("large", 3 * MIB)] {
        let connected = world.connect(tenant, None).await;
        let body = noise(length);
        for replay in [None, Some("done")] {
            let reply = world.caller().post(SINK, body.clone()).tenant(tenant).send().await;
            is_received(&reply, &body);
            assert_eq!((reply.header("orgpass-replay"), reply.json()["chunked"].as_bool()), (replay, Some(false)));
            world.sim.expire_sessions(&connected.org);
        }
        let (feed, chunked) = fed();
        feed.send(Ok(body.clone())).await.unwrap();
        drop(feed);
        let reply = world.caller().post(SINK, "").body(chunked).tenant(tenant).send().await;
        is_received(&reply, &body);
        assert_eq!((reply.header("orgpass-replay"), reply.json()["chunked"].as_bool()), (Some("done"), Some(true)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_is_sent_whole_whatever_the_method() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    for method in [Method::GET, Method::DELETE, Method::POST] {
        for replay in [None, Some("done")] {
            let (feed, body) = fed();
            feed.send(Ok(noise(10 * KB))).await.unwrap();
            drop(feed);
            // Named, or the caller's client would take it that a GET has no body.
            let call = world.caller().call(method.clone(), SINK).header("transfer-encoding", "chunked");
            let reply = call.body(body).tenant("acme").send().await;
            is_received(&reply, &noise(10 * KB));
            assert_eq!((reply.header("orgpass-replay"), reply.json()["chunked"].as_bool()), (replay, Some(true)));
            world.sim.expire_sessions(&acme.org);
        }
        world.caller().get(SINK).tenant("acme").send().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_that_outgrows_what_is_kept_is_not_replayed() {
    let world = World::configured("proxy.replay_memory = \"64KiB\"").await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let (feed, body) = fed();
    let sending = tokio::spawn(world.caller().post(SINK, "").body(body).tenant("acme").send());
    for _ in 0..4 {
        feed.send(Ok(noise(32 * KB))).await.unwrap();
    }
    drop(feed);
    let reply = sending.await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("replay_not_possible")), "{reply:?}");
    world.until_metric(BUFFERED, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_beyond_the_memory_of_all_are_sent_once_and_those_within_are_replayed() {
    let world = World::configured("proxy.replay_memory_total = \"2MiB\"").await;
    let acme = world.connect("acme", None).await;
    let body = noise(700 * KB);
    world.sim.expire_sessions(&acme.org);
    let sent_all = world.sim.fault(Fault::on_path(SINK, Effect::Hold).times(12));
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let (caller, sent) = (world.caller(), body.clone());
    let replies = tokio::spawn(async move { crowd(12, || caller.post(SINK, sent.clone()).tenant("acme")).await });
    sent_all.wait_held(12).await;
    sent_all.release();
    // Those that are kept wait for the exchange; the memory they take is all there is.
    world.sim.wait_for(|request| request.dead, 12).await;
    let buffered = world.metric(BUFFERED).await;
    assert!(buffered > 0.0 && buffered <= 2.0 * MIB as f64, "{buffered}");
    held.release();

    let replies = replies.await.unwrap();
    let (replayed, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert!(!replayed.is_empty() && !refused.is_empty(), "{} replayed, {} refused", replayed.len(), refused.len());
    replayed.iter().for_each(|reply| is_received(reply, &body));
    refused.iter().for_each(|reply| assert_eq!(reply.error(), Some("replay_not_possible"), "{reply:?}"));
    is_received(&post(&world.caller(), &body).await, &body);
    only_whole_bodies_were_carried_out(&world, &[&body]);
    world.until_metric(BUFFERED, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_beyond_the_memory_of_all_go_to_the_spill() {
    let config = format!("proxy.replay_memory_total = \"1MiB\"\n{SPILLING}");
    let world = World::configured(&config).await;
    let acme = world.connect("acme", None).await;
    let body = noise(700 * KB);
    world.sim.expire_sessions(&acme.org);
    let sent_all = world.sim.fault(Fault::on_path(SINK, Effect::Hold).times(12));
    let (caller, sent) = (world.caller(), body.clone());
    let replies = tokio::spawn(async move { crowd(12, || caller.post(SINK, sent.clone()).tenant("acme")).await });
    sent_all.wait_held(12).await;
    sent_all.release();
    let replies = replies.await.unwrap();
    replies.iter().for_each(|reply| is_received(reply, &body));
    only_whole_bodies_were_carried_out(&world, &[&body]);
    assert_eq!(world.sim.exchanges(), 1);
    world.until_metric(BUFFERED, 0.0).await;
    no_spill_is_left(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spill_has_no_name_and_holds_no_plain_text() {
    const TEXT: &str = "a customer's own words, which nobody else may read. ";
    let world = World::configured(SPILLING).await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let names = names_in(&world);
    let body = Bytes::from(TEXT.repeat(3 * MIB / TEXT.len()));
    let (feed, rest) = fed();
    let sending = tokio::spawn(world.caller().post(SINK, "").body(rest).tenant("acme").send());
    feed.send(Ok(body.clone())).await.unwrap();
    eventually("a spill of a mebibyte", async || spills(&world).iter().any(|spill| spill.len() > MIB)).await;

    assert_eq!(names_in(&world), names);
    for spill in spills(&world) {
        assert!(memchr::memmem::find(&spill, &TEXT.as_bytes()[..16]).is_none());
    }
    drop(feed);
    is_received(&sending.await.unwrap(), &body);
    no_spill_is_left(&world).await;
}

/// The contents of the files without a name that this process has open in the world's folder.
fn spills(world: &World) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let is_spill = |file: &PathBuf| {
        let target = std::fs::read_link(file).unwrap_or_default();
        target.starts_with(world.dir.path()) && target.to_string_lossy().ends_with(" (deleted)")
    };
    files.filter(is_spill).filter_map(|file| std::fs::read(file).ok()).collect()
}

async fn no_spill_is_left(world: &World) {
    eventually("the end of every spill", async || spills(world).is_empty()).await;
}

fn names_in(world: &World) -> Vec<PathBuf> {
    let mut names: Vec<_> = std::fs::read_dir(world.dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_breaks_off_in_the_middle_of_an_upload_frees_everything() {
    let config = format!("{SPILLING}\nproxy.replay_memory = \"64KiB\"");
    let world = World::configured(&config).await;
    let acme = world.connect("acme", None).await;
    for dead in [false, true] {
        if dead {
            world.sim.expire_sessions(&acme.org);
        }
        world.sim.clear_requests();
        let (feed, body) = fed();
        let sending = tokio::spawn(world.caller().post(SINK, "").body(body).tenant("acme").try_send());
        feed.send(Ok(noise(MIB))).await.unwrap();
        world.sim.wait_for(|request| request.path() == SINK, 1).await;
        eventually("a spill", async || !spills(&world).is_empty()).await;
        feed.send(Err("the caller breaks off".into())).await.unwrap();

        assert!(sending.await.unwrap().is_err());
        world.until_metric(IN_FLIGHT, 0.0).await;
        world.until_metric(BUFFERED, 0.0).await;
        no_spill_is_left(&world).await;
        // The org sees that the body was cut off, and gets no second one.
        let ended = |request: &salesforce_sim::RecordedRequest| request.body_length > 0;
        let requests = world.sim.wait_for(ended, 1).await;
        assert_eq!((requests.len(), requests[0].body_complete), (1, false));
        assert_eq!(world.sim.requests().len(), 1);
    }
    assert_eq!(world.sim.exchanges(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_breaks_off_while_its_body_waits_for_a_token_leaves_nothing_behind() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    let held = world.sim.fault(Fault::on_token_endpoint(Effect::Hold));
    let call = world.caller().post(SINK, "").body(whole(noise(100 * KB))).tenant("acme");
    let sending = tokio::spawn(call.send());
    held.wait_held(1).await;
    assert!(world.metric(BUFFERED).await > 0.0);
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    world.until_metric(IN_FLIGHT, 0.0).await;
    world.until_metric(BUFFERED, 0.0).await;
    held.release();
    let posts = world.sim.requests().iter().filter(|request| request.path() == SINK).count();
    assert_eq!(posts, 1);
}
