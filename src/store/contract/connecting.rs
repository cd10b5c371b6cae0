//! Connect, reconnect, status and removal.

use super::places::Kind;
use super::*;

pub(super) async fn a_connection_that_was_put_is_read_back_whole(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let record = read_record(store, &acme()).await;
    let expected = new_record(generation, Some("rt-1"));
    assert_eq!(record.head, Head { since: record.head.since, stored: record.head.stored, ..expected.head.clone() });
    assert_eq!(record.session, expected.session);
    assert_eq!(record.grant, expected.grant);
    assert_eq!(record.intent, None);
    assert!(record.head.since > StoreTime(0) && record.head.since <= record.now);
    let told = store.time().await.unwrap();
    assert!(
        record.now <= told && told.millis_since(record.now) < 60_000,
        "{told:?} is of the clock of {:?}",
        record.now
    );
    let row = store.read(&acme()).await.unwrap().unwrap();
    assert_eq!((row.head, row.session), (record.head, record.session));

    let bare = NewRecord { session: None, ..new_record(Generation::first(), None) };
    store.put(&key("bare", None), &bare, PutWhen::Absent).await.unwrap();
    assert_eq!(store.read(&key("bare", None)).await.unwrap().unwrap().session, None);
    assert_eq!(read_record(store, &key("bare", None)).await.session, None);
}

pub(super) async fn an_unknown_connection_is_nothing(place: &Place) {
    let store = &*place.store;
    let read = Generation::first();
    assert!(store.read(&acme()).await.unwrap().is_none());
    assert!(store.read_record(&acme()).await.unwrap().is_none());
    assert!(!store.set_status(&acme(), read, Status::Active, None).await.unwrap());
    assert!(!store.remove(&acme(), None).await.unwrap());
    assert_eq!(store.holder(&fingerprint("rt-1")).await.unwrap(), None);
    let over_nothing = store.put(&acme(), &new_record(read, None), PutWhen::At(Generation::first())).await.unwrap();
    assert_eq!(over_nothing, Put::Conflict(None));
    assert!(store.list(None, None, 10).await.unwrap().connections.is_empty());
    store.ping().await.unwrap();
}

pub(super) async fn a_put_over_what_is_there_is_a_conflict(place: &Place) {
    let store = &*place.store;
    connect(store, &acme(), "rt-1").await;
    let there = read_record(store, &acme()).await;
    for when in [PutWhen::Absent, PutWhen::At(Generation::first())] {
        let put = store.put(&acme(), &new_record(Generation::first(), Some("rt-2")), when).await.unwrap();
        assert_eq!(put, Put::Conflict(Some(Box::new(there.head.clone()))));
    }
    assert_eq!(read_record(store, &acme()).await.grant, there.grant);
    assert_eq!(store.holder(&fingerprint("rt-2")).await.unwrap(), None);
}

pub(super) async fn a_put_repeated_after_a_lost_reply_is_stored(place: &Place) {
    let store = &*place.store;
    let record = new_record(Generation::first(), Some("rt-1"));
    for _ in 0..2 {
        assert_eq!(store.put(&acme(), &record, PutWhen::Absent).await.unwrap(), Put::Stored);
    }
    let again = new_record(Generation::first(), Some("rt-2"));
    for _ in 0..2 {
        let put = store.put(&acme(), &again, PutWhen::At(record.head.generation)).await.unwrap();
        assert_eq!(put, Put::Stored);
    }
    assert_eq!(read_record(store, &acme()).await.head.generation, again.head.generation);
}

pub(super) async fn a_reconnect_replaces_only_the_generation_it_saw(place: &Place) {
    let store = &*place.store;
    let first = connect(store, &acme(), "rt-1").await;
    let owner = Owner::random();
    store.take_lease(&acme(), &owner, Duration::from_secs(60)).await.unwrap();
    let attempt = AttemptId::random();
    store.write_intent(&acme(), &owner, first, &attempt, &fingerprint("rt-1"), None).await.unwrap();
    let anew = NewRecord { session: None, ..new_record(Generation::first(), Some("rt-2")) };
    assert_eq!(store.put(&acme(), &anew, PutWhen::At(first)).await.unwrap(), Put::Stored);
    let record = read_record(store, &acme()).await;
    assert_eq!(record.head.generation, anew.head.generation);
    assert_eq!(record.session, None, "a session of the earlier authorization must not stay");
    assert_eq!(record.intent, None, "an intent of the earlier authorization means nothing now");
    assert_eq!(store.holder(&fingerprint("rt-1")).await.unwrap(), None);
    assert_eq!(store.holder(&fingerprint("rt-2")).await.unwrap(), Some(acme()));
}

pub(super) async fn sealing_again_keeps_an_open_intent(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let before = read_record(store, &acme()).await;
    let (owner, attempt) = (Owner::random(), AttemptId::random());
    store.take_lease(&acme(), &owner, Duration::from_secs(60)).await.unwrap();
    store.write_intent(&acme(), &owner, generation, &attempt, &fingerprint("rt-1"), None).await.unwrap();
    let again = NewRecord { grant: sealed("under a new key"), ..new_record(generation, Some("rt-1")) };
    assert_eq!(store.put(&acme(), &again, PutWhen::At(generation)).await.unwrap(), Put::Stored);
    let record = read_record(store, &acme()).await;
    assert_eq!(record.intent.unwrap().attempt, attempt);
    assert_eq!(record.grant, again.grant);
    assert_eq!(record.head.since, before.head.since);
}

pub(super) async fn a_removed_connection_leaves_nothing(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let (owner, attempt) = (Owner::random(), AttemptId::random());
    store.take_lease(&acme(), &owner, Duration::from_secs(60)).await.unwrap();
    store.write_intent(&acme(), &owner, generation, &attempt, &fingerprint("rt-1"), None).await.unwrap();
    let commit = rotation(generation, "rt-1", "rt-2");
    store.commit(&acme(), &commit).await.unwrap();
    assert!(store.remove(&acme(), Some(generation.next())).await.unwrap());
    assert!(!store.remove(&acme(), None).await.unwrap());
    assert!(store.read(&acme()).await.unwrap().is_none());
    assert!(store.read_record(&acme()).await.unwrap().is_none());
    for token in ["rt-1", "rt-2"] {
        assert_eq!(store.holder(&fingerprint(token)).await.unwrap(), None);
    }
    assert!(store.list(None, None, 10).await.unwrap().connections.is_empty());
    connect(store, &acme(), "rt-3").await;
    assert_eq!(read_record(store, &acme()).await.intent, None);
}

pub(super) async fn a_remove_of_an_older_generation_does_nothing(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    store.commit(&acme(), &rotation(generation, "rt-1", "rt-2")).await.unwrap();
    assert!(!store.remove(&acme(), Some(generation)).await.unwrap());
    assert!(store.read(&acme()).await.unwrap().is_some());
    assert!(store.remove(&acme(), None).await.unwrap());
}

pub(super) async fn a_status_is_set_only_at_the_generation_read(place: &Place) {
    let store = &*place.store;
    let first = connect(store, &acme(), "rt-1").await;
    store.commit(&acme(), &rotation(first, "rt-1", "rt-2")).await.unwrap();
    let (status, cause) = (Status::Reauthorize, Some(Cause::Revoked));
    assert!(!store.set_status(&acme(), first, status, cause).await.unwrap(), "it judges a token that is not there now");
    let elsewhere = Generation { number: 2, ..Generation::first() };
    assert!(!store.set_status(&acme(), elsewhere, status, cause).await.unwrap());
    let before = read_record(store, &acme()).await;
    assert_eq!(before.head.status, Status::Active);
    assert!(store.set_status(&acme(), first.next(), status, cause).await.unwrap());
    let after = read_record(store, &acme()).await;
    assert_eq!(after.head, Head { status, cause, since: after.head.since, ..before.head });
    assert_eq!((after.session, after.grant), (before.session, before.grant));
}

pub(super) async fn the_time_of_a_state_is_when_it_began(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let begun = read_record(store, &acme()).await.head.since;
    eventually("the store's clock moves", async || read_record(store, &acme()).await.now > begun).await;
    store.set_status(&acme(), generation, Status::Active, None).await.unwrap();
    store.commit(&acme(), &rotation(generation, "rt-1", "rt-2")).await.unwrap();
    assert_eq!(read_record(store, &acme()).await.head.since, begun, "it has been active all the time");
    store.set_status(&acme(), generation.next(), Status::Misconfigured, Some(Cause::AppBlocked)).await.unwrap();
    let blocked = read_record(store, &acme()).await.head.since;
    assert!(blocked > begun);
    eventually("the store's clock moves", async || read_record(store, &acme()).await.now > blocked).await;
    store.set_status(&acme(), generation.next(), Status::Misconfigured, Some(Cause::OrgInactive)).await.unwrap();
    assert!(read_record(store, &acme()).await.head.since > blocked, "another cause is another state");
}

pub(super) async fn a_generation_keeps_the_time_when_it_was_stored(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let first = read_record(store, &acme()).await.head;
    assert_eq!(first.stored, first.since);
    eventually("the store's clock moves", async || read_record(store, &acme()).await.now > first.stored).await;
    store.set_status(&acme(), generation, Status::Misconfigured, Some(Cause::AppBlocked)).await.unwrap();
    store.set_status(&acme(), generation, Status::Active, None).await.unwrap();
    let again = new_record(generation, Some("rt-1"));
    store.put(&acme(), &again, PutWhen::At(generation)).await.unwrap();
    assert_eq!(
        read_record(store, &acme()).await.head.stored,
        first.stored,
        "neither a status nor a seal is a new token"
    );

    let before = read_record(store, &acme()).await;
    let commit = rotation(generation, "rt-1", "rt-2");
    store.commit(&acme(), &commit).await.unwrap();
    let second = read_record(store, &acme()).await;
    assert!(second.head.stored > first.stored && second.head.stored >= before.now && second.head.stored <= second.now);
    assert_eq!(second.head.since, before.head.since, "it was active all the time");
    eventually("the store's clock moves", async || read_record(store, &acme()).await.now > second.head.stored).await;
    store.commit(&acme(), &commit).await.unwrap();
    assert_eq!(read_record(store, &acme()).await.head.stored, second.head.stored, "stored once");
    let anew = new_record(Generation::first(), Some("rt-3"));
    store.put(&acme(), &anew, PutWhen::At(generation.next())).await.unwrap();
    assert!(read_record(store, &acme()).await.head.stored > second.head.stored);
}

pub(super) async fn changes_are_announced(place: &Place) {
    let store = &*place.store;
    let mut changes = store.changes();
    let generation = connect(store, &acme(), "rt-1").await;
    // An announcement is a hint: one made before the listener was connected may be missed.
    let heard = async |changes: &mut broadcast::Receiver<ConnectionKey>| {
        let next = tokio::time::timeout(Duration::from_millis(50), changes.recv());
        next.await.is_ok_and(|key| key.unwrap() == acme())
    };
    eventually("a status is announced", async || {
        store.set_status(&acme(), generation, Status::Active, None).await.unwrap();
        heard(&mut changes).await
    })
    .await;
    while heard(&mut changes).await {}
    // From here on nothing may be missed.
    let wait = async |changes: &mut broadcast::Receiver<ConnectionKey>| {
        let next = tokio::time::timeout(Duration::from_secs(60), changes.recv());
        assert_eq!(next.await.expect("announced").unwrap(), acme());
    };
    store.commit(&acme(), &rotation(generation, "rt-1", "rt-2")).await.unwrap();
    wait(&mut changes).await;
    let anew = new_record(Generation::first(), Some("rt-3"));
    store.put(&acme(), &anew, PutWhen::At(generation.next())).await.unwrap();
    wait(&mut changes).await;
    store.remove(&acme(), None).await.unwrap();
    wait(&mut changes).await;
}

pub(super) async fn corrupt_bytes_name_the_connection_and_nothing_else(place: &Place) {
    let store = &*place.store;
    const GARBAGE: &str = r#"{"head":{"status":"hunter2","app":"hunter2"}}"#;
    for (kind, garbage) in [
        (Kind::Status, &b"\xff\x00hunter2"[..]),
        (Kind::Status, GARBAGE.as_bytes()),
        (Kind::Status, b"{}"),
        (Kind::Status, b"[1]"),
        (Kind::Intent, b"hunter2"),
        (Kind::Intent, br#"{"attempt":1}"#),
    ] {
        let generation = Generation::first();
        store.put(&acme(), &new_record(generation, Some("rt-1")), PutWhen::Absent).await.unwrap();
        connect(store, &key("other", None), "rt-2").await;
        place.overwrite(kind, &acme(), Some(garbage));
        let owner = Owner::random();
        store.take_lease(&acme(), &owner, Duration::from_secs(60)).await.unwrap();
        let attempt = AttemptId::random();
        let commit = rotation(generation, "rt-1", "rt-2");
        let spent = fingerprint("rt-1");
        let mut failures = vec![
            store.read_record(&acme()).await.err(),
            store.write_intent(&acme(), &owner, generation, &attempt, &spent, None).await.err(),
            store.clear_intent(&acme(), &attempt).await.err().filter(|_| kind == Kind::Intent),
        ];
        if kind == Kind::Status {
            failures.pop();
            failures.extend([
                store.read(&acme()).await.err(),
                store.commit(&acme(), &commit).await.err(),
                store.set_status(&acme(), generation, Status::Active, None).await.err(),
                store.put(&acme(), &new_record(generation, None), PutWhen::At(generation)).await.err(),
            ]);
            let page = store.list(None, None, 10).await.unwrap();
            assert_eq!((page.connections.len(), page.corrupt), (1, vec![acme()]), "the others are still listed");
        }
        for (number, failure) in failures.into_iter().enumerate() {
            let case = format!("{kind:?} {} operation {number}", String::from_utf8_lossy(garbage));
            let failure = failure.unwrap_or_else(|| panic!("{case} was accepted"));
            let text = failure.to_string();
            assert!(matches!(&failure, StoreError::Corrupt(name, _) if *name == acme().to_string()), "{case}: {text}");
            assert!(!text.contains("hunter2"), "{case}: {text}");
        }
        store.release_lease(&acme(), &owner).await.unwrap();
        assert!(store.read(&key("other", None)).await.unwrap().is_some(), "others are not touched by it");
        store.remove(&key("other", None), None).await.unwrap();
        assert!(!matches!(store.remove(&acme(), Some(Generation::first())).await, Ok(true)));
        assert!(store.remove(&acme(), None).await.unwrap(), "what is corrupt can be removed");
        assert_eq!(store.holder(&fingerprint("rt-1")).await.unwrap(), None);
    }
    connect(store, &acme(), "rt-1").await;
    place.overwrite(Kind::Grant, &acme(), None);
    assert!(matches!(store.read_record(&acme()).await, Err(StoreError::Corrupt(..))));
}

pub(super) async fn user_and_installation_are_different_connections(place: &Place) {
    let store = &*place.store;
    let installation = key("acme", None);
    connect(store, &installation, "rt-1").await;
    assert!(store.read(&acme()).await.unwrap().is_none());
    connect(store, &acme(), "rt-2").await;
    store.remove(&installation, None).await.unwrap();
    assert!(store.read(&acme()).await.unwrap().is_some());
    assert_eq!(store.holder(&fingerprint("rt-2")).await.unwrap(), Some(acme()));
}
