//! When connections were last used.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// How long ago the store says that a connection was last used.
async fn ago(store: &dyn Store, key: &ConnectionKey) -> Option<Duration> {
    let used = store.last_used(std::slice::from_ref(key)).await.unwrap()[0]?;
    Some(Duration::from_millis(store.time().await.unwrap().millis_since(used)))
}

/// So long, and what the test took.
fn about(ago: Option<Duration>, expected: Duration) -> bool {
    ago.is_some_and(|ago| (expected..expected + MINUTE).contains(&ago))
}

pub(super) async fn the_latest_use_stands_whoever_notes_it(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    connect(store, &key("globex", None), "rt-2").await;
    assert_eq!(store.last_used(&[acme(), key("globex", None)]).await.unwrap(), [None, None]);
    store.note_used(&[(acme(), 20 * MINUTE), (key("globex", None), Duration::ZERO)]).await.unwrap();
    assert!(about(ago(store, &acme()).await, 20 * MINUTE));
    assert!(about(ago(store, &key("globex", None)).await, Duration::ZERO));
    store.note_used(&[(acme(), 10 * MINUTE)]).await.unwrap();
    assert!(about(ago(store, &acme()).await, 10 * MINUTE));
    store.note_used(&[(acme(), 15 * MINUTE)]).await.unwrap();
    assert!(about(ago(store, &acme()).await, 10 * MINUTE), "another process knew of a later one");

    // An exchange is no use, and takes none back.
    store.commit(&acme(), &rotation(generation, "rt-1", "rt-3")).await.unwrap();
    assert!(about(ago(store, &acme()).await, 10 * MINUTE));
    store.note_used(&[]).await.unwrap();
    assert_eq!(store.last_used(&[]).await.unwrap(), []);
}

pub(super) async fn what_is_not_there_was_never_used(place: &Place) {
    let store = &*place.store;
    store.note_used(&[(acme(), MINUTE)]).await.unwrap();
    assert_eq!(ago(store, &acme()).await, None);
    connect(store, &acme(), "rt-1").await;
    assert_eq!(ago(store, &acme()).await, None, "what was noted before it was there is not its use");
    store.note_used(&[(acme(), MINUTE)]).await.unwrap();
    store.remove(&acme(), None).await.unwrap();
    connect(store, &acme(), "rt-2").await;
    assert_eq!(ago(store, &acme()).await, None, "a connection that is made anew begins anew");
}
