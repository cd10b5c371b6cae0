//! Keys that change while everything runs: a rotation under load, killed in the middle and taken up again; processes that
//! lack a key; sidecars with keys of some tenants only.

mod killed;
mod missing;

use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use orgpass::connection::ConnectionKey;
use orgpass::store::{Head, Put, PutWhen, Record};
use orgpass::token::{GrantSecret, SessionSecret};
use orgpass::vault::{KeyId, KeyRing, Purpose, Vault, new_key_line};
use salesforce_sim::{Org, Simulator, Tokens};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::world::{Options, Redis, World, eventually};

const LIMITS: &str = "/services/data/v67.0/limits";
const FILES: [&str; 2] = ["session.keys", "grant.keys"];
/// Connections that are called all the while.
const BUSY: usize = 10;
/// Connections that are sealed anew before the kill, about.
const BEGUN: usize = 50;
/// Between two calls of one connection, and the ends of two sessions.
const PACE: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(400)];
/// The same where it goes on for minutes: afterwards all that was said is searched for all secrets there were.
const SLOW_PACE: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(10)];
/// Writes at one time while a store is being filled.
const WRITERS: usize = 64;

fn key(tenant: &str) -> ConnectionKey {
    ConnectionKey::parse(tenant, None).unwrap()
}

fn idle(number: usize) -> String {
    format!("idle{number:06}")
}

fn id(line: &str) -> KeyId {
    line[..8].parse().unwrap()
}

/// `orgpass ARGUMENTS`, with the world's own configuration.
fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orgpass"));
    command.args(arguments).arg("--config").arg(world.dir.path().join("orgpass.toml"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn orgpass(world: &World, arguments: &[&str]) -> Output {
    let mut command = command(world, arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    world.seen.add(&output.stdout);
    world.seen.add(&output.stderr);
    output
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}

/// Fills the store with connections that nobody calls.
async fn connect_idle(world: &World, count: usize) {
    let org = world.sim.create_org(Default::default());
    let tokens = world.sim.authorize(&world.sim_app, &world.sim.create_user(&org, "ana@idle.example"));
    let mut writing = JoinSet::new();
    for number in 0..count {
        if writing.len() == WRITERS {
            assert_eq!(writing.join_next().await.unwrap().unwrap(), Put::Stored);
        }
        writing.spawn(write(world, key(&idle(number)), &tokens));
    }
    assert!(writing.join_all().await.into_iter().all(|put| put == Put::Stored));
}

fn write(world: &World, key: ConnectionKey, tokens: &Tokens) -> impl Future<Output = Put> + use<> {
    let (store, record) = (Arc::clone(&world.orgpass().engine().store), world.record(&key, tokens));
    async move { store.put(&key, &record, PutWhen::Absent).await.unwrap() }
}

async fn record(world: &World, tenant: &str) -> Record {
    world.orgpass().engine().store.read_record(&key(tenant)).await.unwrap().unwrap()
}

/// The clear parts of all connections that nobody calls.
async fn idle_heads(world: &World) -> Vec<(ConnectionKey, Head)> {
    let (mut heads, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = world.orgpass().engine().store.list(None, cursor.as_deref(), 1000).await.unwrap();
        assert_eq!(page.corrupt, []);
        heads.extend(page.connections.into_iter().filter(|(key, _)| key.tenant().starts_with("idle")));
        cursor = page.next;
        if cursor.is_none() {
            return heads;
        }
    }
}

/// Calls all the while, of connections whose sessions keep ending.
struct Load {
    running: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    callers: JoinSet<Vec<String>>,
}

impl Load {
    async fn start(world: &World, [call_every, expire_every]: [Duration; 2]) -> Self {
        let (running, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let mut callers = JoinSet::new();
        let mut orgs = Vec::new();
        for number in 0..BUSY {
            let tenant = format!("busy{number}");
            let (sent, served) = watch::channel(Instant::now());
            orgs.push((world.connect(&tenant, None).await.org, served));
            let (caller, running, calls) = (world.caller(), Arc::clone(&running), Arc::clone(&calls));
            callers.spawn(async move {
                let mut failed = Vec::new();
                while running.load(Ordering::Relaxed) {
                    let now = Instant::now();
                    let reply = caller.get(LIMITS).tenant(&tenant).send().await;
                    if reply.status != 200 {
                        failed.push(format!("{tenant}: {} {}", reply.status, reply.text()));
                    }
                    sent.send_replace(now);
                    calls.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(call_every).await;
                }
                failed
            });
        }
        let (sim, still) = (world.sim.clone(), Arc::clone(&running));
        callers.spawn(async move {
            for (org, served) in orgs.iter().cycle() {
                if !still.load(Ordering::Relaxed) {
                    break;
                }
                // One that ends before it has served a call would be taken for one that the org refuses.
                if is_in_use(&sim, org, *served.borrow()) {
                    sim.expire_sessions(org);
                }
                tokio::time::sleep(expire_every).await;
            }
            Vec::new()
        });
        Self { running, calls, callers }
    }

    /// Ends the load, of which no call may have failed.
    async fn end(self) {
        self.running.store(false, Ordering::Relaxed);
        let failed = self.callers.join_all().await.concat();
        assert_eq!(failed.len(), 0, "{:?}", &failed[..failed.len().min(3)]);
        assert!(self.calls.load(Ordering::Relaxed) > 100, "there was a load");
    }
}

/// Whether the newest session has served a call, given when the last call that was answered had been sent.
fn is_in_use(sim: &Simulator, org: &Org, served: Instant) -> bool {
    sim.exchange_log().iter().rev().find(|one| one.org_id == org.org_id()).is_none_or(|newest| newest.at < served)
}

/// Adds a new key last to both files, waits until the process has it, then moves it first, and waits again. Gives the
/// old and the new lines.
async fn move_new_keys_first(world: &mut World) -> [[String; 2]; 2] {
    let old = FILES.map(|file| world.key_lines(file).remove(0));
    let new = FILES.map(|_| new_key_line().to_string());
    for (file, [old, new]) in FILES.into_iter().zip([[&old[0], &new[0]], [&old[1], &new[1]]]) {
        world.write_keys(file, &[old.clone(), new.clone()]);
    }
    until_rings_are(world, [[&old[0], &new[0]], [&old[1], &new[1]]]).await;
    for (file, [old, new]) in FILES.into_iter().zip([[&old[0], &new[0]], [&old[1], &new[1]]]) {
        world.write_keys(file, &[new.clone(), old.clone()]);
    }
    until_rings_are(world, [[&new[0], &old[0]], [&new[1], &old[1]]]).await;
    [old, new]
}

async fn until_rings_are<const N: usize>(world: &World, lines: [[&String; N]; 2]) {
    let wanted = lines.map(|ring| ring.map(|line| id(line)).to_vec());
    eventually("the key files are read again", async || {
        Purpose::ALL.map(|purpose| world.config.vault().key_ids(purpose)) == wanted
    })
    .await;
}

/// A rotation from its beginning to its end under load, killed in the middle.
async fn rotates_under_load(mut world: World, count: usize, pace: [Duration; 2]) {
    connect_idle(&world, count).await;
    let before = idle_heads(&world).await;
    assert_eq!(before.len(), count);
    let load = Load::start(&world, pace).await;
    let [old, new] = move_new_keys_first(&mut world).await;
    let refused = orgpass(&world, &["keys", "retire", &old[1][..8]]).await;
    assert_eq!(refused.status.code(), Some(77), "{}", said(&refused));
    assert!(said(&refused).contains("records still need grant key"), "{}", said(&refused));

    let mut rotating = command(&world, &["keys", "rotate"]).spawn().unwrap();
    let begun = idle(BEGUN);
    eventually("some are sealed anew", async || record(&world, &begun).await.grant.key_id() == Some(id(&new[1]))).await;
    rotating.kill().unwrap();
    rotating.wait().unwrap();
    let last = record(&world, &idle(count - 1)).await;
    assert_eq!(last.grant.key_id(), Some(id(&old[1])), "it was killed in the middle");

    let rotated = orgpass(&world, &["keys", "rotate", "--json"]).await;
    assert!(rotated.status.success(), "{}", said(&rotated));
    let counts: serde_json::Value = serde_json::from_slice(&rotated.stdout).unwrap();
    let counts = ["resealed", "current", "failed"].map(|name| usize::try_from(counts[name].as_u64().unwrap()).unwrap());
    assert!(counts[1] >= BEGUN, "what was done was passed over: {counts:?}");
    assert_eq!((counts[0] + counts[1], counts[2]), (count + BUSY, 0));
    for line in &old {
        let retired = orgpass(&world, &["keys", "retire", &line[..8]]).await;
        assert!(retired.status.success(), "{}", said(&retired));
    }
    until_rings_are(&world, [[&new[0]], [&new[1]]]).await;
    load.end().await;

    assert_eq!(idle_heads(&world).await, before, "nothing else has changed");
    assert_eq!(world.sim.spent_tokens_presented(), 0);
    let ring = |line: &String| KeyRing::parse(line).unwrap();
    let vault = Vault::new(ring(&new[0]), Some(ring(&new[1])));
    for (key, head) in before {
        let record = record(&world, key.tenant()).await;
        let (session, grant) = (record.session.unwrap(), record.grant);
        SessionSecret::open(&vault, &key, &session, head.generation).unwrap();
        GrantSecret::open(&vault, &key, &grant, head.generation).unwrap();
    }
    world.restart().await;
    for tenant in [idle(0), "busy0".to_owned()] {
        assert_eq!(world.caller().get(LIMITS).tenant(&tenant).send().await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_in_redis_under_load_fails_no_call_and_goes_on_after_a_kill() {
    let world = World::with(Options { redis: Some(Redis::with_documented_user()), ..Options::default() }).await;
    rotates_under_load(world, 1000, PACE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_by_the_running_serve_under_load_fails_no_call_and_goes_on_after_a_kill() {
    rotates_under_load(World::start().await, 300, PACE).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: seals a hundred thousand connections anew"]
async fn a_hundred_thousand_connections_are_sealed_anew_under_load() {
    let world = World::with(Options { redis: Some(Redis::with_documented_user()), ..Options::default() }).await;
    rotates_under_load(world, 100_000, SLOW_PACE).await;
}
