//! Events that a process wrote beside a record and did not live to tell: they are told once, by whoever comes by.

use super::access::{PASSWORD, documented_users, set_right};
use super::*;
use crate::store::redis::scripts;
use crate::store::{Event, State};

/// What a write leaves of a process that dies right after it.
async fn die_after(store: &RedisStore, call: &Call) -> Said {
    store.call(&acme(), call).await.unwrap()
}

async fn told(store: &RedisStore) -> Vec<(Option<Status>, Option<Status>)> {
    let status = |state: Option<State>| state.map(|state| state.status);
    let events: Vec<Event> = store.events(None, 100).await.unwrap();
    assert!(events.iter().all(|event| event.key == acme()));
    events.iter().map(|event| (status(event.before), status(event.after))).collect()
}

fn checking() -> serde_json::Value {
    serde_json::json!({ "status": Status::Checking, "cause": null })
}

const MADE: (Option<Status>, Option<Status>) = (None, Some(Status::Active));
const DOUBTED: (Option<Status>, Option<Status>) = (Some(Status::Active), Some(Status::Checking));
const GONE: (Option<Status>, Option<Status>) = (Some(Status::Active), None);

#[tokio::test]
async fn a_listing_tells_what_a_dead_process_owed() {
    let server = RedisChild::start();
    let (store, record) = (open(server.url()), record("rt-1"));
    store.put(&acme(), &record, PutWhen::Absent).await.unwrap();
    let keys = Keys::of(&acme());
    die_after(&store, &scripts::set_status(&keys, record.head.generation, &checking())).await;
    assert_eq!(told(&store).await, [MADE], "it died before it told");
    for _ in 0..2 {
        store.list(None, None, 10).await.unwrap();
        assert_eq!(told(&store).await, [MADE, DOUBTED]);
    }
    let left: String = redis::cmd("GET").arg(keys.status()).query(&mut server.raw()).unwrap();
    assert!(!left.contains("owed"), "{left}");
}

#[tokio::test]
async fn a_removal_that_was_not_told_of_is_found_in_the_listing_too() {
    let server = RedisChild::start();
    let (store, record) = (open(server.url()), record("rt-1"));
    let keys = Keys::of(&acme());
    store.put(&acme(), &record, PutWhen::Absent).await.unwrap();
    die_after(&store, &scripts::remove(&keys, None)).await;
    assert!(store.list(None, None, 10).await.unwrap().connections.is_empty());
    assert_eq!(told(&store).await, [MADE, GONE]);
    assert!(!store.remove(&acme(), None).await.unwrap());
    assert_eq!(told(&store).await, [MADE, GONE]);

    // One that is made anew before anybody looks comes after its own removal.
    store.put(&acme(), &record, PutWhen::Absent).await.unwrap();
    die_after(&store, &scripts::remove(&keys, None)).await;
    store.put(&acme(), &record, PutWhen::Absent).await.unwrap();
    assert_eq!(told(&store).await, [MADE, GONE, MADE, GONE, MADE]);
    let left: Vec<String> = redis::cmd("KEYS").arg("orgpass:owed:*").query(&mut server.raw()).unwrap();
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn the_next_write_tells_what_was_owed_before_its_own() {
    let server = RedisChild::start();
    let (store, record) = (open(server.url()), record("rt-1"));
    let keys = Keys::of(&acme());
    die_after(&store, &scripts::put(&keys, &record, PutWhen::Absent)).await;
    die_after(&store, &scripts::set_status(&keys, record.head.generation, &checking())).await;
    assert_eq!(told(&store).await, []);
    // An exchange that changes nothing but the token tells as well.
    store.commit(&acme(), &rotation(&record, "rt-2")).await.unwrap();
    let active = (Some(Status::Checking), Some(Status::Active));
    assert_eq!(told(&store).await, [MADE, DOUBTED, active]);
    store
        .commit(&acme(), &rotation(&NewRecord { head: rotation(&record, "rt-2").head, ..record }, "rt-3"))
        .await
        .unwrap();
    assert_eq!(told(&store).await, [MADE, DOUBTED, active], "nothing twice");
}

#[tokio::test]
async fn what_was_told_and_not_taken_off_is_not_told_again() {
    let server = RedisChild::start();
    let (store, record) = (open(server.url()), record("rt-1"));
    let keys = Keys::of(&acme());
    let said = die_after(&store, &scripts::put(&keys, &record, PutWhen::Absent)).await;
    let owed = said.rows(&acme()).unwrap().new.unwrap().owed.unwrap();
    store.tell(owed.as_bytes()).await.unwrap();
    // It died between the telling and the taking off; somebody owes more since, and another who had read the debt comes late.
    die_after(&store, &scripts::set_status(&keys, record.head.generation, &checking())).await;
    store.tell(owed.as_bytes()).await.unwrap();
    assert_eq!(told(&store).await, [MADE]);
    store.set_status(&acme(), record.head.generation, Status::Checking, None).await.unwrap();
    assert_eq!(told(&store).await, [MADE, DOUBTED]);
}

#[tokio::test]
async fn an_event_that_redis_refuses_is_told_once_it_does_not() {
    let server = RedisChild::start_with(Options { config: documented_users(), ..Options::default() });
    let store = RedisStore::connect(&settings(server.url_of("orgpass")), with_password(PASSWORD)).unwrap();
    let record = record("rt-1");
    set_right(&server, "orgpass", "-xadd");
    let refused = store.put(&acme(), &record, PutWhen::Absent).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    set_right(&server, "orgpass", "+xadd");
    assert_eq!(told(&store).await, []);
    assert_eq!(store.put(&acme(), &record, PutWhen::Absent).await.unwrap(), Put::Stored, "an earlier try did it");
    assert_eq!(told(&store).await, [MADE]);
}
