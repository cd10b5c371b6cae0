//! What is special to Redis: outages, replicas, hints that went wrong; and who may come in.

mod access;
mod groups;
mod owing;

use std::time::Duration;

use redis_child::{Options, RedisChild};
use tokio::sync::broadcast;

use super::keys::Keys;
use super::*;
use crate::connection::{Generation, Status};
use crate::secret::Secret;
use crate::store::{
    AttemptId, Commit, Committed, Fingerprint, GrantKind, Head, IntentWrite, Need, NewRecord, Owner, Put, PutWhen,
    Resealed, ScheduleWhen, Store, Wish,
};
use crate::vault::Sealed;

fn settings(url: String) -> Settings {
    Settings {
        url: url.parse().unwrap(),
        password_file: None,
        sentinel_password_file: None,
        ca_file: None,
        client_cert_file: None,
        client_key_file: None,
        timeout: Duration::from_secs(5),
        replicas: 0,
    }
}

fn with_password(password: &str) -> Access {
    Access { password: Some(Secret::new(password.to_owned())), ..Access::default() }
}

fn open(url: String) -> RedisStore {
    RedisStore::connect(&settings(url), Access::default()).unwrap()
}

fn acme() -> ConnectionKey {
    ConnectionKey::parse("acme", Some("u-17")).unwrap()
}

fn token(text: &str) -> Fingerprint {
    Fingerprint::of(&Secret::new(text.to_owned()))
}

fn record(present: &str) -> NewRecord {
    let head = Head::new(Generation::first(), "default", GrantKind::RefreshToken, Some(token(present)));
    let sealed = Sealed::from_bytes(vec![0, 255, 10]);
    NewRecord { head, session: Some(sealed.clone()), grant: sealed }
}

fn rotation(record: &NewRecord, next: &str) -> Commit {
    let mut head = record.head.clone();
    head.generation = head.generation.next();
    head.fingerprint = Some(token(next));
    Commit {
        attempt: AttemptId::random(),
        read: record.head.generation,
        spent: record.head.fingerprint.clone(),
        head,
        session: Sealed::from_bytes(vec![1]),
        grant: Sealed::from_bytes(vec![2]),
    }
}

/// One of every operation, in an order in which each has work to do.
async fn use_everything(store: &RedisStore) -> Result<(), StoreError> {
    let (owner, record) = (Owner::random(), record("rt-1"));
    let commit = rotation(&record, "rt-2");
    store.ping().await?;
    assert_eq!(store.put(&acme(), &record, PutWhen::Absent).await?, Put::Stored);
    assert!(store.read(&acme()).await?.is_some());
    assert!(store.take_lease(&acme(), &owner, Duration::from_secs(60)).await?);
    let read = record.head.generation;
    let intent = store.write_intent(&acme(), &owner, read, &commit.attempt, &token("rt-1"), None).await?;
    assert_eq!(intent, IntentWrite::Written);
    assert!(store.read_record(&acme()).await?.unwrap().intent.is_some());
    store.clear_intent(&acme(), &commit.attempt).await?;
    assert_eq!(store.commit(&acme(), &commit).await?, Committed::Stored);
    assert!(store.set_status(&acme(), commit.head.generation, Status::Active, None).await?);
    assert_eq!(store.holder(&token("rt-2")).await?, Some(acme()));
    assert_eq!(store.list(Some("acme"), None, 10).await?.connections.len(), 1);
    store.announce(&acme()).await?;
    let resealed = Resealed { old: commit.grant.clone(), new: Sealed::from_bytes(vec![3]) };
    assert!(store.reseal(&acme(), None, Some(&resealed)).await?);
    let wish = Wish { key: acme(), need: Need::Next { refused: None, idle: None } };
    store.wish(&wish).await?;
    assert_eq!(store.wishes(10).await?, std::slice::from_ref(&wish));
    store.withdraw(&wish).await?;
    assert!(store.attend(&owner, Duration::from_secs(60)).await?);
    assert!(store.has_hub().await?);
    store.step_down(&owner).await?;
    store.note_used(&[(acme(), Duration::ZERO)]).await?;
    assert!(store.last_used(&[acme()]).await?[0].is_some());
    store.schedule(&[(acme(), Duration::ZERO)], ScheduleWhen::Always).await?;
    assert_eq!(store.take_due(10, Duration::from_secs(60)).await?, [acme()]);
    store.unschedule(&acme()).await?;
    assert!(!store.events(None, 10).await?.is_empty());
    store.release_lease(&acme(), &owner).await?;
    assert!(store.remove(&acme(), None).await?);
    let index: Vec<String> =
        store.link.query(keys::INDEX, redis::cmd("ZRANGE").arg(keys::INDEX).arg(0).arg(-1)).await?;
    assert!(index.is_empty(), "removed at once, not when it is next listed");
    assert_eq!(store.holder(&token("rt-2")).await?, None);
    store.dangers().await?;
    Ok(())
}

async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.unwrap_or_else(|_| panic!("never: {what}"))
}

#[tokio::test]
async fn a_server_that_is_away_at_start_and_later_is_found_again() {
    let mut server = RedisChild::start();
    server.kill();
    let store = open(server.url());
    let error = store.read(&acme()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    server.restart();
    until("the store is there", async || store.ping().await.ok()).await;
    let mut changes = store.changes();
    let heard = async |changes: &mut broadcast::Receiver<ConnectionKey>| {
        store.put(&acme(), &record("rt-1"), PutWhen::Absent).await.ok();
        store.remove(&acme(), None).await.ok();
        tokio::time::timeout(Duration::from_millis(50), changes.recv()).await.ok()
    };
    until("announced", async || heard(&mut changes).await).await.unwrap();
    server.kill();
    until("the loss shows", async || store.ping().await.err()).await;
    server.restart();
    // Scripts and subscription are gone with the old server.
    until("the store is there", async || store.ping().await.ok()).await;
    use_everything(&store).await.unwrap();
    while changes.try_recv().is_ok() {}
    until("announced again", async || heard(&mut changes).await).await.unwrap();
}

#[tokio::test]
async fn a_server_that_hangs_is_unavailable_after_the_time_out() {
    let server = RedisChild::start();
    let settings = Settings { timeout: Duration::from_millis(200), ..settings(server.url()) };
    let store = RedisStore::connect(&settings, Access::default()).unwrap();
    until("the store answers", async || store.ping().await.ok()).await;
    let paused = server.pause();
    let error = store.read(&acme()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("in time")), "{error}");
    drop(paused);
    until("the store answers", async || store.ping().await.ok()).await;
}

#[tokio::test]
async fn without_enough_replicas_no_intent_stays_and_a_token_is_kept() {
    let server = RedisChild::start();
    let settings = Settings { replicas: 1, timeout: Duration::from_millis(300), ..settings(server.url()) };
    let store = RedisStore::connect(&settings, Access::default()).unwrap();
    let careless = open(server.url());
    let (owner, record) = (Owner::random(), record("rt-1"));
    let commit = rotation(&record, "rt-2");
    careless.put(&acme(), &record, PutWhen::Absent).await.unwrap();
    careless.take_lease(&acme(), &owner, Duration::from_secs(60)).await.unwrap();
    let read = record.head.generation;
    let spent = token("rt-1");
    // The time-out is short for the sake of those replicas that are not there; on a busy machine the server is missed too.
    let write = async |replaces: Option<&AttemptId>| {
        let write = async || store.write_intent(&acme(), &owner, read, &commit.attempt, &spent, replaces).await.ok();
        until("the server answers", write).await
    };
    assert_eq!(write(None).await, IntentWrite::TooFewReplicas);
    assert_eq!(careless.read_record(&acme()).await.unwrap().unwrap().intent, None);

    // One that it replaces is of unknown outcome as before.
    let open_attempt = AttemptId::random();
    careless.write_intent(&acme(), &owner, read, &open_attempt, &spent, None).await.unwrap();
    let before = careless.read_record(&acme()).await.unwrap().unwrap().intent;
    assert_eq!(write(Some(&open_attempt)).await, IntentWrite::TooFewReplicas);
    assert_eq!(careless.read_record(&acme()).await.unwrap().unwrap().intent, before);
    careless.clear_intent(&acme(), &open_attempt).await.unwrap();

    let replica = RedisChild::start_with(Options {
        config: vec![format!("replicaof 127.0.0.1 {}", server.port())],
        ..Options::default()
    });
    until("the replica has followed", async || (write(None).await == IntentWrite::Written).then_some(())).await;
    let copied: Option<Vec<u8>> = redis::cmd("GET").arg(Keys::of(&acme()).intent()).query(&mut replica.raw()).unwrap();
    assert!(copied.is_some(), "written means that the replica has it");
    drop(replica);
    let stored = until("the server answers", async || store.commit(&acme(), &commit).await.ok()).await;
    assert_eq!(stored, Committed::Stored, "a new token is never thrown away");
    assert_eq!(careless.read(&acme()).await.unwrap().unwrap().head.generation, read.next());
}

#[tokio::test]
async fn waiting_for_replicas_does_not_hold_up_reads() {
    let server = RedisChild::start();
    let settings = Settings { replicas: 1, timeout: Duration::from_secs(20), ..settings(server.url()) };
    let store = RedisStore::connect(&settings, Access::default()).unwrap();
    let (owner, record) = (Owner::random(), record("rt-1"));
    store.put(&acme(), &record, PutWhen::Absent).await.unwrap();
    store.take_lease(&acme(), &owner, Duration::from_secs(60)).await.unwrap();
    let (key, attempt, spent) = (acme(), AttemptId::random(), token("rt-1"));
    let waiting = store.write_intent(&key, &owner, record.head.generation, &attempt, &spent, None);
    let reading = async {
        until("the intent is written", async || store.read_record(&acme()).await.unwrap().unwrap().intent).await
    };
    tokio::select! {
        write = waiting => panic!("no replica can have it: {write:?}"),
        intent = reading => assert_eq!(intent.attempt, attempt),
    }
}

#[tokio::test]
async fn hints_that_are_wrong_are_put_right() {
    let server = RedisChild::start();
    let store = open(server.url());
    let (lost, gone) = (record("rt-1"), record("rt-gone"));
    store.put(&acme(), &lost, PutWhen::Absent).await.unwrap();
    let ghost = ConnectionKey::parse("ghost", None).unwrap();
    store.put(&ghost, &gone, PutWhen::Absent).await.unwrap();
    // As after a crash between record and hints, or a lost slot.
    let mut raw = server.raw();
    redis::cmd("ZREM").arg(keys::INDEX).arg(acme().encode()).exec(&mut raw).unwrap();
    server.set(&keys::fingerprint(&token("rt-1")), None);
    server.set(&Keys::of(&ghost).status(), None);

    assert_eq!(store.holder(&token("rt-gone")).await.unwrap(), None);
    assert!(store.list(None, None, 10).await.unwrap().connections.is_empty());
    let left: Vec<String> = redis::cmd("ZRANGE").arg(keys::INDEX).arg(0).arg(-1).query(&mut raw).unwrap();
    assert!(left.is_empty(), "the ghost is listed no more: {left:?}");
    let hint: Option<String> = redis::cmd("GET").arg(keys::fingerprint(&token("rt-gone"))).query(&mut raw).unwrap();
    assert_eq!(hint, None);

    assert_eq!(store.put(&acme(), &lost, PutWhen::Absent).await.unwrap(), Put::Stored);
    assert_eq!(store.list(None, None, 10).await.unwrap().connections.len(), 1);
    assert_eq!(store.holder(&token("rt-1")).await.unwrap(), Some(acme()));
}

#[tokio::test]
async fn ways_to_lose_tokens_are_named_with_their_fix() {
    let dangers = async |config: &[&str]| {
        let config = config.iter().map(|line| (*line).to_owned()).collect();
        let server = RedisChild::start_with(Options { config, ..Options::default() });
        open(server.url()).dangers().await.unwrap()
    };
    let found = dangers(&["maxmemory-policy allkeys-lru"]).await;
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("set maxmemory-policy to noeviction"), "{found:?}");
    assert!(found[1].contains("set appendonly to yes"), "{found:?}");
    assert_eq!(dangers(&["appendonly yes"]).await, [] as [&str; 0]);
    assert_eq!(dangers(&["save 3600 1"]).await, [] as [&str; 0]);
}

#[tokio::test]
async fn a_value_of_a_foreign_type_is_corrupt() {
    let server = RedisChild::start();
    let store = open(server.url());
    redis::cmd("ZADD").arg(Keys::of(&acme()).status()).arg(0).arg("x").exec(&mut server.raw()).unwrap();
    let error = store.put(&acme(), &record("rt-1"), PutWhen::Absent).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(..)), "{error}");
}
