//! Wishes, and the hubs that fulfil them.

use super::*;

fn next(key: &ConnectionKey, refused: Option<Generation>) -> Wish {
    Wish { key: key.clone(), need: Need::Next { refused, idle: None } }
}

pub(super) async fn equal_wishes_are_one_and_the_oldest_come_first(place: &Place) {
    let store = &*place.store;
    let generation = Generation::first();
    let idle = Need::Next { refused: Some(generation), idle: Some(7_200) };
    let wishes = [
        next(&acme(), Some(generation)),
        Wish { key: acme(), need: idle },
        next(&acme(), None),
        Wish { key: acme(), need: Need::Check(generation) },
        next(&key("acme", None), Some(generation)),
        next(&acme(), Some(generation.next())),
    ];
    assert_eq!(store.wishes(10).await.unwrap(), []);
    for wish in wishes.iter().chain(wishes.iter().rev()) {
        store.wish(wish).await.unwrap();
    }
    assert_eq!(store.wishes(100).await.unwrap(), wishes, "a wish repeated keeps its age");
    assert_eq!(store.wishes(2).await.unwrap(), wishes[..2]);
    for _ in 0..2 {
        store.withdraw(&wishes[0]).await.unwrap();
    }
    assert_eq!(store.wishes(100).await.unwrap(), wishes[1..]);
    store.wish(&wishes[0]).await.unwrap();
    assert_eq!(store.wishes(100).await.unwrap().last(), Some(&wishes[0]));
}

pub(super) async fn beyond_the_most_that_are_kept_the_oldest_wish_goes(place: &Place) {
    let store = &*place.store;
    let (oldest, second) = (next(&key("oldest", None), None), next(&key("second", None), None));
    store.wish(&oldest).await.unwrap();
    store.wish(&second).await.unwrap();
    let crowd = race(20, |task| {
        let store = Arc::clone(&place.store);
        async move {
            for number in 0..MAX_WISHES / 20 {
                store.wish(&next(&key(&format!("t{task}"), Some(&format!("u-{number}"))), None)).await.unwrap();
            }
        }
    });
    crowd.await;
    let kept = store.wishes(MAX_WISHES + 10).await.unwrap();
    assert_eq!(kept.len(), MAX_WISHES);
    assert!(!kept.contains(&oldest) && !kept.contains(&second));
    store.withdraw(&kept[0]).await.unwrap();
    store.wish(&oldest).await.unwrap();
    let kept_again = store.wishes(MAX_WISHES + 10).await.unwrap();
    assert_eq!((&kept_again[..MAX_WISHES - 1], &kept_again[MAX_WISHES - 1]), (&kept[1..], &oldest));
}

pub(super) async fn wishes_are_announced(place: &Place) {
    let store = &*place.store;
    let mut wished = store.wished();
    let wish = next(&acme(), None);
    // An announcement is a hint: one made before the listener was connected may be missed.
    eventually("a wish is announced", async || {
        store.wish(&wish).await.unwrap();
        tokio::time::timeout(Duration::from_millis(50), wished.recv()).await.is_ok()
    })
    .await;
    assert_eq!(store.wishes(10).await.unwrap(), [wish]);
}

pub(super) async fn one_hub_leads_for_as_long_as_it_attends(place: &Place) {
    let store = &*place.store;
    let (long, short) = (Duration::from_secs(60), Duration::from_millis(60));
    let (first, second, third) = (Owner::random(), Owner::random(), Owner::random());
    assert!(!store.has_hub().await.unwrap());
    for _ in 0..2 {
        assert!(store.attend(&first, long).await.unwrap());
        assert!(!store.attend(&second, long).await.unwrap());
    }
    store.step_down(&second).await.unwrap();
    assert!(!store.attend(&second, long).await.unwrap(), "it had no lead to give up");
    store.step_down(&first).await.unwrap();
    assert!(store.attend(&second, long).await.unwrap());
    assert!(store.has_hub().await.unwrap());
    assert!(store.attend(&second, short).await.unwrap());
    eventually("the lead ends with the life of the leader", async || store.attend(&third, short).await.unwrap()).await;
    eventually("no hub lives", async || !store.has_hub().await.unwrap()).await;
    let leaders = race(50, |_| {
        let store = Arc::clone(&place.store);
        async move { store.attend(&Owner::random(), Duration::from_secs(60)).await.unwrap() }
    });
    assert_eq!(leaders.await.into_iter().filter(|leads| *leads).count(), 1);
}
