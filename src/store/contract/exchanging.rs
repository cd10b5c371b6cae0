//! Lease, intent and commit: what keeps a refresh token from being lost or spent twice.

use super::*;

const LONG: Duration = Duration::from_secs(60);

pub(super) async fn a_hundred_tasks_race_for_a_lease_and_one_has_it(place: &Place) {
    let outcomes = race(100, |_| {
        let store = Arc::clone(&place.store);
        async move { store.take_lease(&acme(), &Owner::random(), LONG).await.unwrap() }
    });
    assert_eq!(outcomes.await.iter().filter(|taken| **taken).count(), 1);
}

pub(super) async fn a_lease_is_renewed_by_its_owner_and_given_back_by_nobody_else(place: &Place) {
    let store = &*place.store;
    let (mine, other) = (Owner::random(), Owner::random());
    assert!(store.take_lease(&acme(), &mine, LONG).await.unwrap());
    assert!(store.take_lease(&acme(), &mine, LONG).await.unwrap());
    assert!(!store.take_lease(&acme(), &other, LONG).await.unwrap());
    store.release_lease(&acme(), &other).await.unwrap();
    assert!(!store.take_lease(&acme(), &other, LONG).await.unwrap());
    assert!(store.take_lease(&key("acme", None), &other, LONG).await.unwrap(), "each connection has its own");
    store.release_lease(&acme(), &mine).await.unwrap();
    assert!(store.take_lease(&acme(), &other, LONG).await.unwrap());
}

pub(super) async fn a_lease_ends_by_the_clock_of_the_store(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let (late, next) = (Owner::random(), Owner::random());
    assert!(store.take_lease(&acme(), &late, Duration::from_millis(40)).await.unwrap());
    eventually("the lease ends", async || store.take_lease(&acme(), &next, LONG).await.unwrap()).await;
    let attempt = AttemptId::random();
    let write = store.write_intent(&acme(), &late, generation, &attempt, &fingerprint("rt-1"), None).await.unwrap();
    assert_eq!(write, IntentWrite::LeaseLost);
    store.release_lease(&acme(), &late).await.unwrap();
    assert!(!store.take_lease(&acme(), &late, LONG).await.unwrap());
}

pub(super) async fn an_intent_needs_lease_and_generation(place: &Place) {
    let store = &*place.store;
    let first = connect(store, &acme(), "rt-1").await;
    let (owner, attempt) = (Owner::random(), AttemptId::random());
    let spent = fingerprint("rt-1");
    let write = async |read| store.write_intent(&acme(), &owner, read, &attempt, &spent, None).await.unwrap();
    assert_eq!(write(first).await, IntentWrite::LeaseLost);
    store.take_lease(&acme(), &owner, LONG).await.unwrap();
    assert_eq!(write(first.next()).await, IntentWrite::Changed);
    assert_eq!(write(Generation::first()).await, IntentWrite::Changed);
    assert_eq!(read_record(store, &acme()).await.intent, None);
    assert_eq!(write(first).await, IntentWrite::Written);
    let record = read_record(store, &acme()).await;
    let intent = record.intent.unwrap();
    assert_eq!((&intent.attempt, &intent.fingerprint), (&attempt, &spent));
    assert!(intent.at >= record.head.since && intent.at <= record.now, "its time is the store's");
    assert_eq!(write(first).await, IntentWrite::Written, "repeated after a lost reply");
    store.remove(&acme(), None).await.unwrap();
    assert_eq!(write(first).await, IntentWrite::Changed);
}

pub(super) async fn a_foreign_intent_stands_in_the_way_until_it_is_named(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let owner = Owner::random();
    let attempts: Vec<_> = (0..3).map(|_| AttemptId::random()).collect();
    store.take_lease(&acme(), &owner, LONG).await.unwrap();
    let spent = fingerprint("rt-1");
    let write = async |attempt: usize, replaces: Option<usize>| {
        let replaces = replaces.map(|number| &attempts[number]);
        store.write_intent(&acme(), &owner, generation, &attempts[attempt], &spent, replaces).await.unwrap()
    };
    assert_eq!(write(0, None).await, IntentWrite::Written);
    let open = read_record(store, &acme()).await.intent.unwrap();
    assert_eq!(write(1, None).await, IntentWrite::Foreign(open.clone()));
    assert_eq!(write(1, Some(2)).await, IntentWrite::Foreign(open));
    assert_eq!(read_record(store, &acme()).await.intent.unwrap().attempt, attempts[0]);
    assert_eq!(write(1, Some(0)).await, IntentWrite::Written);
    assert_eq!(read_record(store, &acme()).await.intent.unwrap().attempt, attempts[1]);
    assert!(matches!(write(0, None).await, IntentWrite::Foreign(open) if open.attempt == attempts[1]));
    store.clear_intent(&acme(), &attempts[1]).await.unwrap();
    assert_eq!(write(2, Some(0)).await, IntentWrite::Written, "what it replaces may be gone already");
}

pub(super) async fn an_intent_is_cleared_by_its_own_attempt_only(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let (owner, attempt) = (Owner::random(), AttemptId::random());
    store.take_lease(&acme(), &owner, LONG).await.unwrap();
    store.write_intent(&acme(), &owner, generation, &attempt, &fingerprint("rt-1"), None).await.unwrap();
    store.clear_intent(&acme(), &AttemptId::random()).await.unwrap();
    assert!(read_record(store, &acme()).await.intent.is_some());
    for _ in 0..2 {
        store.clear_intent(&acme(), &attempt).await.unwrap();
        assert!(read_record(store, &acme()).await.intent.is_none());
    }
}

pub(super) async fn a_hundred_commits_that_spent_one_token_have_one_winner(place: &Place) {
    let generation = connect(&*place.store, &acme(), "rt-1").await;
    let commits: Vec<_> = (0..100).map(|n| rotation(generation, "rt-1", &format!("rt-2-{n}"))).collect();
    let outcomes = race(100, |number| {
        let (store, commit) = (Arc::clone(&place.store), commits[number].clone());
        async move { store.commit(&acme(), &commit).await.unwrap() }
    })
    .await;
    let winners: Vec<_> = (0..100).filter(|number| outcomes[*number] == Committed::Stored).collect();
    assert_eq!(winners.len(), 1);
    let (record, won) = (read_record(&*place.store, &acme()).await, &commits[winners[0]]);
    assert_eq!(record.head.attempt.as_ref(), Some(&won.attempt));
    assert_eq!((record.session.as_ref(), &record.grant), (Some(&won.session), &won.grant), "never a mix of two");
}

pub(super) async fn a_commit_repeated_is_stored_once(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let commit = rotation(generation, "rt-1", "rt-2");
    assert_eq!(store.commit(&acme(), &commit).await.unwrap(), Committed::Stored);
    let once = read_record(store, &acme()).await;
    assert_eq!(once.head, Head { since: once.head.since, stored: once.head.stored, ..commit.head.clone() });
    assert_eq!((once.session, once.grant), (Some(commit.session.clone()), commit.grant.clone()));
    // Somebody judged the new token meanwhile; the repeated commit must not undo that.
    store.set_status(&acme(), generation.next(), Status::Misconfigured, Some(Cause::OrgMismatch)).await.unwrap();
    assert_eq!(store.commit(&acme(), &commit).await.unwrap(), Committed::Stored);
    assert_eq!(read_record(store, &acme()).await.head.cause, Some(Cause::OrgMismatch));
}

pub(super) async fn a_commit_repeated_after_later_ones_takes_nothing_back(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt").await;
    // Without rotation every commit spends and keeps the same token, so only the attempt tells them apart.
    let early = rotation(generation, "rt", "rt");
    let late = rotation(generation.next(), "rt", "rt");
    for commit in [&early, &late, &early] {
        assert_eq!(store.commit(&acme(), commit).await.unwrap(), Committed::Stored);
    }
    let record = read_record(store, &acme()).await;
    assert_eq!(record.head.generation, late.head.generation);
    assert_eq!(record.session, Some(late.session));

    let rotating = key("rotating", None);
    let first = connect(store, &rotating, "rt-1").await;
    let early = rotation(first, "rt-1", "rt-2");
    store.commit(&rotating, &early).await.unwrap();
    store.commit(&rotating, &rotation(first.next(), "rt-2", "rt-3")).await.unwrap();
    let again = store.commit(&rotating, &early).await.unwrap();
    assert_eq!(again, Committed::Stored, "its writer must not take the token for nobody's and revoke it");
}

pub(super) async fn a_commit_without_its_connection_is_superseded(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    store.remove(&acme(), None).await.unwrap();
    let commit = rotation(generation, "rt-1", "rt-2");
    assert_eq!(store.commit(&acme(), &commit).await.unwrap(), Committed::Superseded);
    assert!(store.read(&acme()).await.unwrap().is_none());
    assert_eq!(store.holder(&fingerprint("rt-2")).await.unwrap(), None);
}

pub(super) async fn a_commit_after_a_reconnect_is_superseded(place: &Place) {
    let store = &*place.store;
    let first = connect(store, &acme(), "rt-1").await;
    let anew = new_record(Generation::first(), Some("rt-1"));
    store.put(&acme(), &anew, PutWhen::At(first)).await.unwrap();
    assert_eq!(store.commit(&acme(), &rotation(first, "rt-1", "rt-2")).await.unwrap(), Committed::Superseded);
    let record = read_record(store, &acme()).await;
    assert_eq!((record.head.generation, record.grant), (anew.head.generation, anew.grant));
}

pub(super) async fn a_grant_that_spends_nothing_commits_within_its_epoch(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let commit = Commit { spent: None, ..rotation(generation, "rt-1", "rt-1") };
    assert_eq!(store.commit(&acme(), &commit).await.unwrap(), Committed::Stored);
    let other = Commit { spent: None, ..rotation(Generation::first(), "rt-1", "rt-1") };
    assert_eq!(store.commit(&acme(), &other).await.unwrap(), Committed::Superseded);
}

pub(super) async fn a_commit_never_leads_back_to_an_older_generation(place: &Place) {
    let store = &*place.store;
    let first = connect(store, &acme(), "rt-1").await;
    // Without rotation the fingerprint is the same for good.
    let (early, late) = (rotation(first, "rt-1", "rt-1"), rotation(first, "rt-1", "rt-1"));
    let third = rotation(first.next(), "rt-1", "rt-1");
    assert_eq!(store.commit(&acme(), &early).await.unwrap(), Committed::Stored);
    assert_eq!(store.commit(&acme(), &third).await.unwrap(), Committed::Stored);
    for spent in [late.spent.clone(), None] {
        let late = Commit { spent, ..late.clone() };
        assert_eq!(store.commit(&acme(), &late).await.unwrap(), Committed::Superseded, "its generation is past");
        let equal = Commit { head: third.head.clone(), ..late };
        assert_eq!(store.commit(&acme(), &equal).await.unwrap(), Committed::Superseded, "as many are as new");
    }
    assert_eq!(store.commit(&acme(), &early).await.unwrap(), Committed::Stored, "known as done");
    assert_eq!(read_record(store, &acme()).await.session, Some(third.session));
}

pub(super) async fn a_refresh_token_leads_to_its_connection(place: &Place) {
    let store = &*place.store;
    let mut generation = connect(store, &acme(), "rt-0").await;
    for number in 0..6 {
        let commit = rotation(generation, &format!("rt-{number}"), &format!("rt-{}", number + 1));
        store.commit(&acme(), &commit).await.unwrap();
        generation = generation.next();
    }
    for (token, known) in [("rt-6", true), ("rt-5", true), ("rt-2", true), ("rt-1", false), ("rt-0", false)] {
        let holder = store.holder(&fingerprint(token)).await.unwrap();
        assert_eq!(holder, known.then(acme), "{token}");
    }
    let thief = key("thief", None);
    connect(store, &thief, "rt-6").await;
    assert_eq!(store.holder(&fingerprint("rt-6")).await.unwrap(), Some(thief.clone()), "last seen there");
    store.remove(&acme(), None).await.unwrap();
    assert_eq!(store.holder(&fingerprint("rt-6")).await.unwrap(), Some(thief));
}

pub(super) async fn a_commit_ends_the_checking_of_a_lost_answer(place: &Place) {
    let store = &*place.store;
    let generation = connect(store, &acme(), "rt-1").await;
    let owner = Owner::random();
    store.take_lease(&acme(), &owner, LONG).await.unwrap();
    let commit = rotation(generation, "rt-1", "rt-2");
    let spent = fingerprint("rt-1");
    let write = store.write_intent(&acme(), &owner, generation, &commit.attempt, &spent, None).await.unwrap();
    assert_eq!(write, IntentWrite::Written);
    store.set_status(&acme(), generation, Status::Checking, Some(Cause::OutcomeUnknown)).await.unwrap();
    store.release_lease(&acme(), &owner).await.unwrap();
    assert_eq!(store.commit(&acme(), &commit).await.unwrap(), Committed::Stored, "a lost lease discards no token");
    let record = read_record(store, &acme()).await;
    assert_eq!((record.head.status, record.head.cause, record.intent), (Status::Active, None, None));

    // Another attempt's intent stays: its own outcome is not known yet.
    store.take_lease(&acme(), &owner, LONG).await.unwrap();
    let (other, next) = (AttemptId::random(), rotation(generation.next(), "rt-2", "rt-3"));
    store.write_intent(&acme(), &owner, generation.next(), &other, &fingerprint("rt-2"), None).await.unwrap();
    store.commit(&acme(), &next).await.unwrap();
    assert_eq!(read_record(store, &acme()).await.intent.unwrap().attempt, other);
}
