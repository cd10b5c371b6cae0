//! SIGTERM while calls, a download and an exchange are under way: nothing of it fails, and the process ends with 0.

use std::time::Duration;

use http_body_util::BodyExt;
use salesforce_sim::{Effect, Fault};
use tokio::task::JoinSet;

use super::{LIMITS, Site};
use crate::world::eventually;

const CROWD: usize = 100;
const DOWNLOAD: &str = "/services/apexrest/trickle?chunks=31";
const CHUNKS: usize = 30;

/// Stops a `serve` that is at work; between two chunks of the download passes this time.
async fn nothing_fails(pause: Duration) {
    let site = Site::new().await;
    let mut orgs = Vec::new();
    for tenant in ["acme", "globex"] {
        let (org, authorization) = site.authorization(tenant);
        let import = ["connection", "import", "--tenant", tenant, "--instance-url", &org.instance_url()];
        site.done(&import, &authorization);
        orgs.push(org);
    }
    let config = std::fs::read_to_string(site.path("orgpass.toml")).unwrap();
    std::fs::write(site.path("orgpass.toml"), config.replace("[ops]", "drain_timeout = \"2m\"\n[ops]")).unwrap();
    let mut serve = site.serve().await;
    let caller = site.caller();

    let mut download = caller.get(DOWNLOAD).tenant("acme").start().await.unwrap();
    download.body_mut().frame().await.unwrap().unwrap();
    let answers = site.sim.fault(Fault::on_path(LIMITS, Effect::HoldAnswer).at_org(orgs[0].org_id()).for_good());
    let mut calls = JoinSet::new();
    for _ in 0..CROWD {
        calls.spawn(caller.get(LIMITS).tenant("acme").try_send());
    }
    answers.wait_held(CROWD as u64).await;
    site.sim.expire_sessions(&orgs[1]);
    let exchange = site.sim.fault(Fault::on_token_endpoint(Effect::HoldAnswer));
    calls.spawn(caller.get(LIMITS).tenant("globex").try_send());
    exchange.wait_held(1).await;

    serve.signal("-TERM");
    eventually("nobody is let in any more", async || tokio::net::TcpStream::connect(site.proxy).await.is_err()).await;
    assert!(serve.is_running());
    exchange.release();
    answers.release();
    while let Some(call) = calls.join_next().await {
        assert_eq!(call.unwrap().expect("no call fails").status, 200);
    }
    for _ in 0..CHUNKS {
        assert!(serve.is_running(), "the download is under way");
        tokio::time::sleep(pause).await;
        site.sim.release_trickle(1);
    }
    download.into_body().collect().await.expect("the download is whole");
    assert_eq!(serve.ended().await.code(), Some(0));
    assert_eq!((site.sim.exchanges(), site.sim.spent_tokens_presented()), (1, 0));

    // What was exchanged for is there for the next.
    let _serve = site.serve().await;
    assert_eq!(site.caller().get(LIMITS).tenant("globex").send().await.status, 200);
    assert_eq!(site.sim.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_under_way_fails_when_the_process_is_stopped() {
    nothing_fails(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: a download of 30 seconds"]
async fn a_download_of_half_a_minute_is_finished_when_the_process_is_stopped() {
    nothing_fails(Duration::from_secs(1)).await;
}
