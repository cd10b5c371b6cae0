//! Sealing anew, under another key.

use super::*;

pub(super) async fn only_exactly_what_was_read_is_sealed_anew(place: &Place) {
    let store = &*place.store;
    let mut changes = store.changes();
    let generation = connect(store, &acme(), "rt-1").await;
    let before = read_record(store, &acme()).await;
    let session = Resealed { old: before.session.clone().unwrap(), new: sealed("session under a new key") };
    let grant = Resealed { old: before.grant.clone(), new: sealed("grant under a new key") };
    let stranger = Resealed { old: sealed("another"), new: sealed("lost") };
    let reseal = async |session: Option<&Resealed>, grant: Option<&Resealed>| {
        store.reseal(&acme(), session, grant).await.unwrap()
    };
    let mut own = 0;
    let told = store.events(None, 10).await.unwrap().len();
    assert!(!reseal(Some(&session), Some(&stranger)).await);
    assert!(!reseal(Some(&stranger), Some(&grant)).await);
    let unchanged = read_record(store, &acme()).await;
    assert_eq!((&unchanged.session, &unchanged.grant), (&before.session, &before.grant), "both or none");
    for _ in 0..2 {
        assert!(reseal(Some(&session), None).await, "and again after a lost reply");
        assert_eq!(read_record(store, &acme()).await.grant, before.grant);
    }
    assert!(reseal(None, Some(&grant)).await);
    let after = read_record(store, &acme()).await;
    assert_eq!((after.session, after.grant), (Some(session.new.clone()), grant.new.clone()));
    assert_eq!(after.head, before.head);

    assert_eq!(store.events(None, 10).await.unwrap().len(), told);
    // What is announced comes in order, so the marker is behind all of it.
    eventually("the marker is announced", async || {
        store.announce(&key("marker", None)).await.unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(50), changes.recv()).await;
        own += usize::from(matches!(&heard, Ok(Ok(heard)) if *heard == acme()));
        matches!(heard, Ok(Ok(heard)) if heard != acme())
    })
    .await;
    assert!(own <= 1, "that it was connected may be heard, that it was sealed anew is nobody's business");

    store.commit(&acme(), &rotation(generation, "rt-1", "rt-2")).await.unwrap();
    let newer = read_record(store, &acme()).await;
    assert!(!reseal(Some(&session), None).await && !reseal(None, Some(&grant)).await, "an exchange came between");
    let record = read_record(store, &acme()).await;
    assert_eq!((record.session, record.grant), (newer.session, newer.grant));
    store.remove(&acme(), None).await.unwrap();
    assert!(!reseal(Some(&session), None).await && !reseal(None, Some(&grant)).await);
    assert!(store.read(&acme()).await.unwrap().is_none(), "what was removed does not come back");
    let bare = NewRecord { session: None, ..new_record(Generation::first(), None) };
    store.put(&acme(), &bare, PutWhen::Absent).await.unwrap();
    assert!(!reseal(Some(&session), None).await, "there is no session");
    assert_eq!(read_record(store, &acme()).await.session, None);
}
