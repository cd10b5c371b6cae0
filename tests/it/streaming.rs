//! Bodies stream both ways: nothing is held back, nothing is kept, and what breaks off is seen to break off.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;
use orgpass::app::App;
use orgpass::config::Config;
use salesforce_sim::{Effect, Fault, Simulator};

use crate::bodies::{fed, noise, sha256, zeros};
use crate::caller::{Caller, Reply};
use crate::world::{Connected, World, eventually};

const SINK: &str = "/services/apexrest/sink";
const IN_FLIGHT: &str = "orgpass_requests_in_flight";
const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
/// How much memory a GiB in either direction may take.
const GROWTH_LIMIT: u64 = 16 * MIB;

/// Orgpass in a process of its own, this test binary started again, so that its memory is nobody else's.
struct Alone {
    child: Child,
    address: std::net::SocketAddr,
}

const CONFIG_OF_CHILD: &str = "ORGPASS_TEST_CHILD_CONFIG";

impl Alone {
    fn start(config: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "streaming::orgpass_alone", "--ignored", "--nocapture"])
            .env(CONFIG_OF_CHILD, config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let address =
            lines.map(Result::unwrap).find_map(|line| Some(line.split_once("listens on ")?.1.parse().unwrap()));
        Self { address: address.unwrap(), child }
    }

    /// A line of the kernel's account of the process, in bytes.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Makes the peak begin anew from what is resident now, and tells that.
    fn forget_peak(&self) -> u64 {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
        self.memory("VmRSS")
    }

    fn peak(&self) -> u64 {
        self.memory("VmHWM")
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs Orgpass until its standard input ends. Does nothing unless a test started it.
#[test]
#[ignore = "is started by other tests, in a process of its own"]
fn orgpass_alone() {
    let Some(config) = std::env::var_os(CONFIG_OF_CHILD) else { return };
    let config = Config::load(Some(&PathBuf::from(config)), []).unwrap();
    let app = App::start(&config, Box::new(std::io::sink())).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "listens on {}", app.proxy_address().unwrap()).unwrap();
    out.flush().unwrap();
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
    assert!(app.stop());
}

async fn upload(caller: &Caller, length: u64, declared: bool) {
    let reply = caller.post(SINK, "").body(zeros(length, declared)).tenant("acme").send().await;
    assert_eq!((reply.status.as_u16(), reply.json()["length"].as_u64()), (200, Some(length)), "{reply:?}");
}

async fn download(caller: &Caller, length: u64) {
    let call = caller.get(&format!("/services/apexrest/bytes?n={length}")).tenant("acme");
    let mut body = call.start().await.unwrap().into_body();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        received += frame.unwrap().into_data().unwrap().len() as u64;
    }
    assert_eq!(received, length);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gibibyte_each_way_takes_less_than_sixteen_mebibytes_of_memory() {
    let mut world = World::start().await;
    world.connect("acme", None).await;
    assert!(world.stop().await);
    let config = world.dir.path().join("orgpass.toml");
    let orgpass = tokio::task::spawn_blocking(move || Alone::start(&config)).await.unwrap();
    let caller = Caller::new(orgpass.address, world.seen.clone());
    upload(&caller, 1000, true).await;
    download(&caller, 1000).await;

    let idle = orgpass.forget_peak();
    upload(&caller, GIB, true).await;
    let up = orgpass.peak().saturating_sub(idle);
    upload(&caller, GIB / 4, false).await;
    let chunked = orgpass.peak().saturating_sub(idle);
    orgpass.forget_peak();
    download(&caller, GIB).await;
    let down = orgpass.peak().saturating_sub(idle);
    let mut out = std::io::stdout();
    writeln!(out, "resident: {idle} idle, {up} more up, {chunked} more chunked, {down} more down").unwrap();
    assert!(up.max(chunked) < GROWTH_LIMIT, "{up} bytes more up, {chunked} chunked");
    assert!(down < GROWTH_LIMIT, "{down} bytes more down");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_of_soap_stream_plain_or_unfolding_from_gzip() {
    const SOAP: &str = "/services/Soap/m/64.0";
    let mut world = World::start().await;
    let acme = world.connect("acme", None).await;
    assert!(world.stop().await);
    let config = world.dir.path().join("orgpass.toml");
    let orgpass = tokio::task::spawn_blocking(move || Alone::start(&config)).await.unwrap();
    let caller = Caller::new(orgpass.address, world.seen.clone());
    let envelope = |token: &str, length: usize| {
        let head = format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"http://soap.sforce.com/2006/04/metadata\">\
             <e:Header><SessionHeader><sessionId>{token}</sessionId></SessionHeader></e:Header><e:Body><deploy><ZipFile>"
        );
        Bytes::from([head.as_bytes(), &vec![b'A'; length], b"</ZipFile></deploy></e:Body></e:Envelope>"].concat())
    };
    let post = async |body: Bytes, encoding: &str| {
        let call = caller.post(SOAP, body).header("content-type", "text/xml").header("soapaction", "\"\"");
        let reply = if encoding.is_empty() { call } else { call.header("content-encoding", encoding) }.send().await;
        assert_eq!(reply.error(), None, "{reply:?}");
    };
    let local = "00D000000000000!orgpass.acme";
    post(envelope(local, 1000), "").await;

    let idle = orgpass.forget_peak();
    let long = 100_000_000;
    post(envelope(local, long), "").await;
    let plain = orgpass.peak().saturating_sub(idle);
    orgpass.forget_peak();
    let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
    zip.write_all(&envelope(local, long)).unwrap();
    post(zip.finish().unwrap().into(), "gzip").await;
    let unfolded = orgpass.peak().saturating_sub(idle);

    let expected = sha256(&envelope(&acme.tokens.access_token, long));
    for request in &world.sim.requests()[1..] {
        let received: String = request.body_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(request.body_complete && received == expected, "the org read another body");
    }
    assert!(plain.max(unfolded) < GROWTH_LIMIT, "{plain} bytes more plain, {unfolded} unfolded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_caller_is_waited_for_and_the_answer_is_not_piled_up_meanwhile() {
    let mut world = World::start().await;
    world.connect("acme", None).await;
    assert!(world.stop().await);
    let config = world.dir.path().join("orgpass.toml");
    let orgpass = tokio::task::spawn_blocking(move || Alone::start(&config)).await.unwrap();
    let caller = Caller::new(orgpass.address, world.seen.clone());
    download(&caller, 1000).await;

    let idle = orgpass.forget_peak();
    let waiting = async || {
        let path = format!("/services/apexrest/bytes?n={}", 64 * MIB);
        caller.get(&path).tenant("acme").start().await.unwrap().into_body()
    };
    let mut bodies = Vec::new();
    for _ in 0..8 {
        bodies.push(waiting().await);
    }
    // While nobody reads those, another answer goes through whole.
    download(&caller, 64 * MIB).await;
    let grown = orgpass.peak().saturating_sub(idle);
    assert!(grown < GROWTH_LIMIT, "{grown} bytes more");
    for body in bodies {
        assert_eq!(body.collect().await.unwrap().to_bytes().len() as u64, 64 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_bytes_of_a_slow_answer_arrive_before_the_last_are_sent() {
    let world = World::start().await;
    world.connect("acme", None).await;
    let call = world.caller().get("/services/apexrest/trickle?chunks=3").tenant("acme");
    let mut body = call.start().await.unwrap().into_body();
    for number in 0..3 {
        let chunk = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(chunk, format!("chunk {number}\n"));
        world.sim.release_trickle(1);
    }
    assert!(body.frame().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_bytes_of_a_slow_upload_reach_the_org_before_the_last_are_sent() {
    let world = World::start().await;
    world.connect("acme", None).await;
    let (feed, body) = fed();
    let call = world.caller().post("/services/apexrest/echo", "").body(body).tenant("acme");
    feed.send(Ok("first ".into())).await.unwrap();
    let mut answer = call.start().await.unwrap().into_body();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "first ");
    feed.send(Ok("last".into())).await.unwrap();
    drop(feed);
    assert_eq!(answer.collect().await.unwrap().to_bytes(), "last");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_in_the_middle_of_a_download_frees_everything() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let call = world.caller().get(&format!("/services/apexrest/bytes?n={GIB}")).tenant("acme");
    let mut body = call.start().await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(world.metric(IN_FLIGHT).await, 1.0);
    until_connections_to(&acme, 1).await;
    drop(body);
    world.until_metric(IN_FLIGHT, 0.0).await;
    until_connections_to(&acme, 0).await;
    let gone = "orgpass_requests_total{api=\"rest\",method=\"GET\",outcome=\"caller_gone\",status=\"200\"}";
    world.until_metric(gone, 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_before_an_answer_frees_everything() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    let held = world.sim.fault(Fault::on_path(SINK, Effect::Hold));
    let waiting = tokio::spawn(world.caller().post(SINK, noise(1000)).tenant("acme").send());
    held.wait_held(1).await;
    assert_eq!(world.metric(IN_FLIGHT).await, 1.0);
    until_connections_to(&acme, 1).await;
    waiting.abort();
    world.until_metric(IN_FLIGHT, 0.0).await;
    until_connections_to(&acme, 0).await;
}

/// Waits until there are so many; a table that changes while it is read may lack a line.
async fn until_connections_to(connected: &Connected, count: usize) {
    eventually("the org's connections", async || connections_to(connected) == count).await;
}

/// Established TCP connections to the org's own port, as the kernel tells them.
fn connections_to(connected: &Connected) -> usize {
    let port: u16 = connected.org.instance_url().rsplit_once(':').unwrap().1.parse().unwrap();
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let there = format!("0100007F:{port:04X}");
    table
        .lines()
        .filter(|line| line.split_whitespace().nth(2) == Some(&there))
        .filter(|line| is_established(line))
        .count()
}

fn is_established(line: &str) -> bool {
    line.split_whitespace().nth(3) == Some("01")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_never_seen_as_whole() {
    let world = World::start().await;
    world.connect("acme", None).await;
    for path in ["/services/data/v67.0/limits", "/services/data/v67.0/sobjects/Account/describe"] {
        world.sim.fault(Fault::on_path(path, Effect::TruncatedBody));
        let broken = world.caller().get(path).tenant("acme").try_send().await;
        assert!(broken.is_err(), "{path}: {broken:?}");
    }
    let failed = "orgpass_requests_total{api=\"rest\",method=\"GET\",outcome=\"org_failed\",status=\"200\"}";
    world.until_metric(failed, 2.0).await;
    world.until_metric(IN_FLIGHT, 0.0).await;
    assert_eq!(world.sim.exchanges(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_answer_that_breaks_off_is_never_seen_as_whole() {
    let mut world = World::start().await;
    world.connect("acme", None).await;
    let call = world.caller().get("/services/apexrest/trickle?chunks=2").tenant("acme");
    let mut answer = call.start().await.unwrap().into_body();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "chunk 0\n");
    world.sim = Simulator::start_on_thread(false);
    assert!(answer.frame().await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_comes_whole_while_it_is_looked_at_is_the_orgs_failure() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    world.sim.expire_sessions(&acme.org);
    world.sim.fault(Fault::on_path("/services/data", Effect::TruncatedBody));
    let reply: Reply = world.caller().get("/services/data/v67.0/limits").tenant("acme").send().await;
    assert_eq!((reply.status.as_u16(), reply.error()), (502, Some("upstream_unreachable")), "{reply:?}");
}
