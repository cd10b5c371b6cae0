//! Events and announcements.

use super::places::Kind;
use super::*;

type Short = Option<(Status, u64)>;

fn told(event: &Event) -> (&ConnectionKey, Short, Short) {
    let short = |state: &State| (state.status, state.generation.number);
    (&event.key, event.before.as_ref().map(short), event.after.as_ref().map(short))
}

pub(super) async fn every_change_of_state_leaves_one_event(place: &Place) {
    let store = &*place.store;
    let mut last: Option<String> = None;
    let mut since = async || {
        let events = store.events(last.as_deref(), 100).await.unwrap();
        last = events.last().map(|event| event.id.clone()).or_else(|| last.clone());
        events
    };
    let acme = acme();
    let (active, checking) = (Status::Active, Status::Checking);
    let (record, anew) = (new_record(Generation::first(), Some("rt-1")), new_record(Generation::first(), Some("rt-9")));
    let generation = record.head.generation;
    for _ in 0..2 {
        store.put(&acme, &record, PutWhen::Absent).await.unwrap();
    }
    let events = since().await;
    assert_eq!(events.iter().map(told).collect::<Vec<_>>(), [(&acme, None, Some((active, 1)))], "once, when repeated");
    let now = store.read(&acme).await.unwrap().unwrap().now;
    assert!(events[0].at > StoreTime(0) && events[0].at <= now);
    assert_eq!(events[0].after.unwrap().generation, generation);

    // The same state with another token is no news.
    store.commit(&acme, &rotation(generation, "rt-1", "rt-2")).await.unwrap();
    store.set_status(&acme, generation.next(), active, None).await.unwrap();
    assert_eq!(since().await, []);

    for _ in 0..2 {
        store.set_status(&acme, generation.next(), checking, Some(Cause::OutcomeUnknown)).await.unwrap();
    }
    let commit = rotation(generation.next(), "rt-2", "rt-3");
    for _ in 0..2 {
        store.commit(&acme, &commit).await.unwrap();
    }
    let late = rotation(generation, "rt-1", "rt-4");
    assert_eq!(store.commit(&acme, &late).await.unwrap(), Committed::Superseded);
    store.set_status(&acme, generation, Status::Reauthorize, Some(Cause::Revoked)).await.unwrap();
    for cause in [Cause::IpRestricted, Cause::AppBlocked] {
        store.set_status(&acme, commit.head.generation, Status::Misconfigured, Some(cause)).await.unwrap();
    }
    let events = since().await;
    assert_eq!(
        events.iter().map(told).collect::<Vec<_>>(),
        [
            (&acme, Some((active, 2)), Some((checking, 2))),
            (&acme, Some((checking, 2)), Some((active, 3))),
            (&acme, Some((active, 3)), Some((Status::Misconfigured, 3))),
            (&acme, Some((Status::Misconfigured, 3)), Some((Status::Misconfigured, 3))),
        ]
    );
    let causes = |event: &Event| (event.before.unwrap().cause, event.after.unwrap().cause);
    assert_eq!(causes(&events[0]), (None, Some(Cause::OutcomeUnknown)));
    assert_eq!(causes(&events[3]), (Some(Cause::IpRestricted), Some(Cause::AppBlocked)));

    store.set_status(&acme, commit.head.generation, active, None).await.unwrap();
    assert_eq!(since().await.len(), 1);
    assert!(matches!(store.put(&acme, &anew, PutWhen::Absent).await.unwrap(), Put::Conflict(_)));
    for _ in 0..2 {
        store.put(&acme, &anew, PutWhen::At(commit.head.generation)).await.unwrap();
    }
    let events = since().await;
    assert_eq!(events.iter().map(told).collect::<Vec<_>>(), [(&acme, Some((active, 3)), Some((active, 1)))]);
    assert_eq!(events[0].after.unwrap().generation, anew.head.generation, "another authorization");
    for _ in 0..2 {
        store.remove(&acme, None).await.unwrap();
    }
    assert_eq!(since().await.iter().map(told).collect::<Vec<_>>(), [(&acme, Some((active, 1)), None)]);

    store.put(&acme, &record, PutWhen::Absent).await.unwrap();
    since().await;
    place.overwrite(Kind::Status, &acme, Some(b"noise"));
    store.remove(&acme, None).await.unwrap();
    assert_eq!(since().await.iter().map(told).collect::<Vec<_>>(), [(&acme, None, None)], "what it was, nobody knows");
}

pub(super) async fn events_are_paged_through_from_any_of_them_on(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    for number in 0..24 {
        let status = if number % 2 == 0 { Status::Disconnected } else { Status::Active };
        store.set_status(&acme(), generation, status, None).await.unwrap();
    }
    let all = store.events(None, 100).await.unwrap();
    assert_eq!(all.len(), 25);
    assert!(all.is_sorted_by_key(|event| event.at));
    for step in [1, 7, 25] {
        let (mut paged, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = store.events(after.as_deref(), step).await.unwrap();
            assert!(page.len() <= step);
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            paged.extend(page);
        }
        assert_eq!(paged, all, "in steps of {step}");
    }
    for nobodys in ["", "x", "-", "1-", "(1-1", "-1", "1-2-3", "\u{0}"] {
        assert_eq!(store.events(Some(nobodys), 100).await.unwrap().len(), 25, "{nobodys:?} names none");
    }
}

pub(super) async fn an_announcement_needs_no_change(place: &Place) {
    let store = &*place.store;
    let mut changes = store.changes();
    // One made before the listener was connected may be missed.
    eventually("it is announced", async || {
        store.announce(&acme()).await.unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(50), changes.recv()).await;
        heard.is_ok_and(|heard| heard.unwrap() == acme())
    })
    .await;
    assert!(store.read(&acme()).await.unwrap().is_none());
    assert_eq!(*store.reconnects().borrow(), 0, "it was there all the time");
}
