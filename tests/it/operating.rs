//! Running as a process: probes, metrics, the access log, the Unix socket, overload and the orderly end.

mod logging;
mod metrics;
mod stopping;

use std::time::Duration;

use http_body_util::BodyExt;
use orgpass::config::Config;
use salesforce_sim::{Effect, Fault};

use crate::caller::Caller;
use crate::world::{Options, World};

const LIMITS: &str = "/services/data/v67.0/limits";

#[tokio::test(flavor = "multi_thread")]
async fn the_probes_answer_readers_only() {
    let world = World::start().await;
    for (path, status, body) in [("/livez", 200, "ok\n"), ("/startupz", 200, "ok\n"), ("/", 404, "there are /livez")] {
        let reply = world.operator().get(path).send().await;
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.text().starts_with(body), "{path}: {}", reply.text());
    }
    let reply = world.operator().post("/livez", "").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("GET, HEAD")));
    let head = world.operator().call(http::Method::HEAD, "/readyz").send().await;
    assert!(head.body.is_empty());
    let proxy = world.caller().get("/livez").send().await;
    assert_eq!(proxy.error(), Some("path_refused"), "callers have no probes");
    let ops = world.operator().get(LIMITS).tenant("acme").send().await;
    assert_eq!(ops.status, 404, "operators carry no calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_would_listen_beyond_the_machine_does_not_start() {
    let world = World::start().await;
    for address in ["0.0.0.0:8180", "10.0.0.7:8180", "[::]:8180", "[2001:db8::1]:8180", "evil.example:8180"] {
        let text = format!(
            "[proxy]\nlisten = \"{address}\"\n[vault]\nsession_keys_file = \"session.keys\"\ngrant_keys_file = \"grant.keys\""
        );
        let faults = Config::from_toml(&text, world.dir.path()).expect_err(address);
        let text = faults.to_string();
        assert!(
            text.contains("proxy.listen: must be") && text.contains("Unix socket") || text.contains("unix:"),
            "{text}"
        );
        assert_eq!(faults.faults.len(), 1, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_carries_calls_under_any_host_name() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("proxy.sock");
    let config = format!("[proxy]\nlisten = \"unix:{}\"\nworkers = 2", socket.display());
    let mut world = World::with(Options { config, ..Options::default() }).await;
    assert_eq!(world.orgpass().proxy_address(), None);
    let acme = world.connect("acme", None).await;
    let caller = Caller::on_socket(socket.clone(), world.seen.clone());
    for host in ["localhost", "salesforce", "acme.my.salesforce.com", "10.0.0.7:80"] {
        let reply = caller.get(LIMITS).tenant("acme").set_header("host", host).send().await;
        assert_eq!(reply.status, 200, "{host}: {}", reply.text());
    }
    let requests = world.sim.requests();
    let instance = acme.org.instance_url();
    assert!(requests.iter().all(|arrived| instance.ends_with(arrived.header("host").unwrap())));
    let reply = caller.get(LIMITS).tenant("acme").header("origin", "http://localhost").send().await;
    assert_eq!(reply.error(), Some("host_refused"), "a page is a page on a socket too");

    // A socket that a dead process left behind is replaced; a file that is none is not.
    assert!(world.stop().await);
    assert!(socket.exists());
    orgpass::server::bind_unix(&socket, 0o600).unwrap();
    std::fs::remove_file(&socket).unwrap();
    std::fs::write(&socket, "precious").unwrap();
    orgpass::server::bind_unix(&socket, 0o600).unwrap_err();
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "precious");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_process_says_so_and_one_connection_cannot_take_it_all() {
    let config = "[proxy]\nmax_in_flight = 8".to_owned();
    let world = World::with(Options { config, ..Options::default() }).await;
    for number in 0..5 {
        world.connect(&format!("t{number}"), None).await;
    }
    let held = world.sim.fault(Fault::on_path(LIMITS, Effect::Hold).for_good());
    let mut calls = tokio::task::JoinSet::new();
    for number in [0, 0, 1, 1, 2, 2, 3] {
        calls.spawn(world.caller().get(LIMITS).tenant(&format!("t{number}")).send());
    }
    held.wait_held(7).await;
    assert_eq!(world.metric("orgpass_requests_in_flight").await, 7.0);
    let overloaded = async |tenant: &str| {
        // One that gets in is held for good.
        let sent = world.caller().get(LIMITS).tenant(tenant).send();
        let reply = tokio::time::timeout(Duration::from_secs(30), sent).await.expect("it is refused at once");
        assert_eq!((reply.status.as_u16(), reply.error()), (503, Some("overloaded")), "{tenant}");
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert!(reply.text().contains("Too many calls are in flight"));
    };
    // Its quarter is two; another connection still gets in, and then nobody does.
    overloaded("t0").await;
    calls.spawn(world.caller().get(LIMITS).tenant("t3").send());
    held.wait_held(8).await;
    overloaded("t4").await;
    held.release();
    while let Some(reply) = calls.join_next().await {
        assert_eq!(reply.unwrap().status, 200);
    }
    assert_eq!(world.caller().get(LIMITS).tenant("t4").send().await.status, 200);
    assert_eq!(world.metric("orgpass_requests_in_flight").await, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_in_flight_until_its_last_byte_has_left() {
    let config = "[proxy]\nmax_in_flight = 4".to_owned();
    let world = World::with(Options { config, ..Options::default() }).await;
    world.connect("acme", None).await;
    let mut slow = world.caller().get("/services/apexrest/trickle?chunks=2").tenant("acme").start().await.unwrap();
    assert!(slow.body_mut().frame().await.unwrap().is_ok(), "the first bytes are there before the last are sent");
    let reply = world.caller().get(LIMITS).tenant("acme").send().await;
    assert_eq!(reply.error(), Some("overloaded"), "a quarter of four is one");
    world.sim.release_trickle(1);
    slow.into_body().collect().await.unwrap();
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
}
