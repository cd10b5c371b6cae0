//! Sentinel groups and Clusters: fail-over while writes run, slots that move, and what is said of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis_child::{RedisCluster, SentinelGroup};
use tokio::task::JoinSet;

use super::access::{PASSWORD, documented_users};
use super::*;

/// Far more than a fail-over takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

fn open_waiting(url: String) -> Arc<RedisStore> {
    let settings = Settings { replicas: 1, timeout: Duration::from_secs(2), ..settings(url) };
    Arc::new(RedisStore::connect(&settings, Access::default()).unwrap())
}

fn key(number: usize) -> ConnectionKey {
    ConnectionKey::parse(&format!("t{number}"), None).unwrap()
}

/// Writes intents for one connection after the other, and keeps those that replicas are said to have.
async fn write_on(store: Arc<RedisStore>, first: usize, stop: Arc<AtomicBool>) -> Vec<(ConnectionKey, AttemptId)> {
    let (mut acknowledged, owner) = (Vec::new(), Owner::random());
    for number in (first..).step_by(2) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (key, record, attempt) = (key(number), record("rt-1"), AttemptId::random());
        let read = record.head.generation;
        let write = async {
            store.put(&key, &record, PutWhen::Absent).await?;
            store.take_lease(&key, &owner, LIMIT).await?;
            store.write_intent(&key, &owner, read, &attempt, &token("rt-1"), None).await
        };
        match write.await {
            Ok(IntentWrite::Written) => acknowledged.push((key, attempt)),
            Ok(IntentWrite::TooFewReplicas | IntentWrite::Changed | IntentWrite::LeaseLost)
            | Err(StoreError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            other => panic!("a fail-over is no reason for {other:?}"),
        }
    }
    acknowledged
}

/// Fails over while writes run, and looks that none that was acknowledged is gone and everything goes on.
async fn survives<T: Send + 'static>(store: Arc<RedisStore>, fail: impl FnOnce() -> T + Send + 'static) {
    let (mut changes, mut reconnects) = (store.changes(), store.reconnects());
    store.put(&acme(), &record("rt-1"), PutWhen::Absent).await.unwrap();
    reconnects.mark_unchanged();
    let (before, stop) = (*reconnects.borrow(), Arc::new(AtomicBool::new(false)));
    let mut writers = JoinSet::new();
    for first in 0..2 {
        writers.spawn(write_on(Arc::clone(&store), first, Arc::clone(&stop)));
    }
    until("writes are under way", async || store.read_record(&key(9)).await.ok().flatten()).await;
    let _lives_on = tokio::task::spawn_blocking(fail).await.unwrap();
    tokio::time::timeout(LIMIT, reconnects.changed()).await.expect("that it was lost is told").unwrap();
    assert!(*reconnects.borrow() > before);

    let set = async || {
        let read = store.read(&acme()).await.ok()??.head.generation;
        store.set_status(&acme(), read, Status::Active, None).await.ok()
    };
    until("the record is written again", set).await;
    while changes.try_recv().is_ok() {}
    until("announced again", async || {
        store.announce(&acme()).await.ok();
        let heard = async {
            loop {
                if changes.recv().await.is_ok_and(|heard| heard == acme()) {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_millis(100), heard).await.ok()
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    let acknowledged = writers.join_all().await.concat();
    assert!(acknowledged.len() > 5, "{}", acknowledged.len());
    for (key, attempt) in acknowledged {
        let found = until("it is read", async || store.read_record(&key).await.ok()).await;
        let intent = found.unwrap_or_else(|| panic!("{key} is gone")).intent;
        assert_eq!(intent.map(|intent| intent.attempt), Some(attempt), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_when_a_master_dies_that_sentinels_watch() {
    let mut group = SentinelGroup::start(1, &Options::default(), None);
    let store = open_waiting(group.url());
    survives(store, move || {
        // The first that would be asked goes with it.
        group.sentinels()[0].kill();
        group.master().kill();
        group
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_when_a_master_of_a_cluster_dies() {
    let mut cluster = RedisCluster::start(1, &Options::default());
    let store = open_waiting(cluster.url());
    survives(store, move || {
        cluster.owner(&Keys::of(&acme()).status()).kill();
        cluster
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_takes_no_connection_out_of_reach() {
    let mut cluster = RedisCluster::start(0, &Options::default());
    let store = open(cluster.url());
    let record = record("rt-1");
    let generation = record.head.generation;
    store.put(&acme(), &record, PutWhen::Absent).await.unwrap();
    let use_it = async |status| {
        assert!(store.set_status(&acme(), generation, status, None).await.unwrap());
        assert_eq!(store.read(&acme()).await.unwrap().unwrap().head.status, status);
        assert_eq!(store.list(None, None, 10).await.unwrap().connections.len(), 1);
    };
    use_it(Status::Disconnected).await;
    let before = *store.reconnects().borrow();
    let name = Keys::of(&acme()).status();
    let port = cluster.begin_move(&name);
    // Its node sends those on that ask for what has gone ahead.
    use_it(Status::Active).await;
    cluster.end_move(&name, port);
    use_it(Status::Disconnected).await;
    assert_eq!(cluster.owner(&name).port(), port);
    until("that another node serves is told", async || (*store.reconnects().borrow() > before).then_some(())).await;
    use_it(Status::Active).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_users_do_in_a_cluster_over_tls_and_need_to_ask_for_its_slots() {
    let cluster = RedisCluster::start(0, &Options { tls: true, config: documented_users(), ..Options::default() });
    let ca = || cluster.ca_pem().map(|pem| pem.as_bytes().to_vec());
    let open = |user: &str| {
        let access = Access { ca_pem: ca(), ..with_password(PASSWORD) };
        RedisStore::connect(&settings(cluster.url_of(user)), access).unwrap()
    };
    let hub = open("orgpass");
    use_everything(&hub).await.unwrap();
    hub.put(&acme(), &record("rt-1"), PutWhen::Absent).await.unwrap();
    access::use_as_sidecar(&open("orgpass-sidecar")).await.unwrap();
    for node in cluster.nodes() {
        access::set_right(node, "orgpass", "-cluster|slots");
    }
    let error = open("orgpass").ping().await.unwrap_err();
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("right")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_have_a_password_of_their_own() {
    let mut group =
        SentinelGroup::start(0, &Options { config: documented_users(), ..Options::default() }, Some("s-pw"));
    let settings = settings(group.url_of("orgpass"));
    let sentinel_password = Some(Secret::new("s-pw".to_owned()));
    let store = RedisStore::connect(&settings, Access { sentinel_password, ..with_password(PASSWORD) }).unwrap();
    use_everything(&store).await.unwrap();
    let stranger = RedisStore::connect(&settings, with_password(PASSWORD)).unwrap();
    let error = stranger.ping().await.unwrap_err();
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("sentinel_password_file")), "{error}");
    group.master();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_of_the_wrong_form_says_which_one_is_right() {
    let group = SentinelGroup::start(0, &Options::default(), None);
    let cluster = RedisCluster::start(0, &Options::default());
    let server = RedisChild::start();
    let refusal = async |url: String| {
        let store = open(url);
        match store.put(&acme(), &record("rt-1"), PutWhen::Absent).await.unwrap_err() {
            StoreError::Refused(text) | StoreError::Unavailable(text) => text,
            other => panic!("{other}"),
        }
    };
    let server_as = |scheme: &str, end: &str| format!("{scheme}://127.0.0.1:{}{end}", server.port());
    assert!(refusal(server_as("redis-cluster", "")).await.contains("redis://"));
    assert!(refusal(server_as("redis-sentinel", "/m")).await.contains("no Sentinel"));
    let nobody = group.url().replace("orgpass-test", "nobody");
    assert!(refusal(nobody).await.contains("named nobody"));
    let mut refused = Vec::new();
    for node in cluster.nodes() {
        refused.push(refusal(node.url()).await);
    }
    assert!(refused.iter().any(|text| text.contains("redis-cluster://")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dangers_of_groups_are_named_once() {
    let evicting = |more: &str| Options {
        config: vec!["maxmemory-policy allkeys-lru".to_owned(), more.to_owned()],
        ..Options::default()
    };
    let cluster = RedisCluster::start(0, &evicting("appendonly no"));
    let found = open(cluster.url()).dangers().await.unwrap();
    assert!(found.len() == 2 && found[0].contains("noeviction") && found[1].contains("appendonly"), "{found:?}");
    let group = SentinelGroup::start(1, &evicting("appendonly no"), None);
    let found = open(group.url()).dangers().await.unwrap();
    assert!(found.len() == 1 && found[0].contains("noeviction"), "a replica has the data too: {found:?}");
}
