//! When connections are due.

use super::*;

const LONG: Duration = Duration::from_secs(600);

fn user(number: usize) -> ConnectionKey {
    key("acme", Some(&format!("u-{number}")))
}

pub(super) async fn what_is_due_comes_once_for_each_claim(place: &Place) {
    let store = &*place.store;
    assert_eq!(store.take_due(10, LONG).await.unwrap(), []);
    store.schedule(&[(user(3), LONG), (user(2), Duration::ZERO)], ScheduleWhen::Always).await.unwrap();
    store.schedule(&[(user(2), LONG), (user(9), LONG)], ScheduleWhen::Absent).await.unwrap();
    assert_eq!(store.take_due(10, LONG).await.unwrap(), [user(2)], "a time that was set stays");
    assert_eq!(store.take_due(10, LONG).await.unwrap(), [], "it is claimed");
    store.schedule(&[(user(3), Duration::from_millis(20))], ScheduleWhen::Always).await.unwrap();
    let mut taken = Vec::new();
    eventually("its time comes", async || {
        taken = store.take_due(10, Duration::from_millis(20)).await.unwrap();
        !taken.is_empty()
    })
    .await;
    assert_eq!(taken, [user(3)]);
    eventually("it comes again", async || store.take_due(10, LONG).await.unwrap() == [user(3)]).await;

    // Longest overdue first, in parts.
    for number in [5, 4, 6] {
        store.schedule(&[(user(number), Duration::ZERO)], ScheduleWhen::Always).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(store.take_due(2, LONG).await.unwrap(), [user(5), user(4)]);
    assert_eq!(store.take_due(2, LONG).await.unwrap(), [user(6)]);
    store.schedule(&[(user(5), Duration::ZERO), (user(6), Duration::ZERO)], ScheduleWhen::Always).await.unwrap();
    store.unschedule(&user(5)).await.unwrap();
    store.unschedule(&user(5)).await.unwrap();
    assert_eq!(store.take_due(0, LONG).await.unwrap(), [user(6)], "at least one");
    store.schedule(&[], ScheduleWhen::Always).await.unwrap();
}

pub(super) async fn a_removed_connection_is_due_no_more(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let due = [(acme(), Duration::ZERO)];
    store.schedule(&due, ScheduleWhen::Always).await.unwrap();
    store.remove(&acme(), Some(generation.next())).await.unwrap();
    assert_eq!(store.take_due(10, Duration::ZERO).await.unwrap(), [acme()], "it was not removed");
    store.remove(&acme(), Some(generation)).await.unwrap();
    assert_eq!(store.take_due(10, LONG).await.unwrap(), []);
    store.schedule(&due, ScheduleWhen::Always).await.unwrap();
    assert!(!store.remove(&acme(), None).await.unwrap());
    assert_eq!(store.take_due(10, LONG).await.unwrap(), [], "an earlier try may have removed the record and no more");
}

pub(super) async fn a_hundred_tasks_take_what_is_due_and_each_connection_is_taken_once(place: &Place) {
    let all: Vec<_> = (0..2_500).map(|number| (user(number), Duration::ZERO)).collect();
    place.store.schedule(&all, ScheduleWhen::Absent).await.unwrap();
    let taken = race(100, |_| {
        let store = Arc::clone(&place.store);
        async move { store.take_due(30, LONG).await.unwrap() }
    });
    let taken = taken.await.concat();
    assert_eq!(taken.len(), 2_500);
    assert_eq!(taken.into_iter().collect::<std::collections::HashSet<_>>().len(), 2_500);
}
