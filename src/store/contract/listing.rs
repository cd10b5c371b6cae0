//! Listing in pages.

use super::*;

async fn put_all(store: &dyn Store, keys: &[ConnectionKey]) {
    let record = |token: Option<&str>| new_record(Generation::first(), token);
    for key in keys {
        assert_eq!(store.put(key, &record(None), PutWhen::Absent).await.unwrap(), Put::Stored);
    }
}

async fn all(store: &dyn Store, tenant: Option<&str>, limit: usize) -> Vec<ConnectionKey> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.list(tenant, cursor.as_deref(), limit).await.unwrap();
        assert!(page.connections.len() <= limit);
        found.extend(page.connections.into_iter().map(|(key, _)| key));
        match page.next {
            None => return found,
            Some(next) => cursor = Some(next),
        }
    }
}

fn in_order(mut keys: Vec<ConnectionKey>) -> Vec<ConnectionKey> {
    keys.sort_by_key(ConnectionKey::encode);
    keys
}

pub(super) async fn every_connection_is_listed_once_over_many_pages(place: &Place) {
    let store = &*place.store;
    let keys: Vec<_> = (0..1050).map(|n| key(&format!("t{}", n % 7), Some(&format!("u-{n}")))).collect();
    let (first, rest) = keys.split_at(1049);
    let parts: Vec<Vec<_>> = rest
        .iter()
        .chain(first)
        .collect::<Vec<_>>()
        .chunks(100)
        .map(|p| p.iter().map(|k| (*k).clone()).collect())
        .collect();
    race(parts.len(), |number| {
        let (store, part) = (Arc::clone(&place.store), parts[number].clone());
        async move { put_all(&*store, &part).await }
    })
    .await;
    let expected = in_order(keys);
    for limit in [1000, 999, 350] {
        assert_eq!(all(store, None, limit).await, expected, "pages of {limit}");
    }
    let page = store.list(None, None, 100_000).await.unwrap();
    assert_eq!(page.connections.len(), 1000, "a page has a bound");
    let (shown, head) = &page.connections[0];
    assert_eq!(store.read(shown).await.unwrap().unwrap().head, *head);
}

pub(super) async fn a_tenant_sees_its_own_connections_only(place: &Place) {
    let store = &*place.store;
    let tenants = ["a", "ab", "a.b", "a_b", "a_2E", "A", "a0", "aa", "a/", "a-", "a!", "~", "*", "a*", "[a", "b"];
    let users = [None, Some("a"), Some("."), Some("/"), Some("*"), Some("_"), Some("~u")];
    let keys: Vec<_> = tenants.iter().flat_map(|tenant| users.map(|user| key(tenant, user))).collect();
    put_all(store, &keys).await;
    for tenant in tenants {
        let own = in_order(users.iter().map(|user| key(tenant, *user)).collect());
        for limit in [1000, 3, 1] {
            assert_eq!(all(store, Some(tenant), limit).await, own, "{tenant} in pages of {limit}");
        }
    }
    for nobody in ["", "c", "a b", "a\n", "\u{e9}"] {
        assert_eq!(all(store, Some(nobody), 10).await, [], "{nobody:?}");
    }
}

pub(super) async fn a_cursor_outlives_its_connection(place: &Place) {
    let store = &*place.store;
    let keys = in_order((0..10).map(|n| key("t", Some(&format!("u{n}")))).collect());
    put_all(store, &keys).await;
    let page = store.list(Some("t"), None, 4).await.unwrap();
    for removed in [&keys[3], &keys[4]] {
        store.remove(removed, None).await.unwrap();
    }
    let rest = store.list(Some("t"), page.next.as_deref(), 100).await.unwrap();
    assert_eq!(rest.connections.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), keys[5..]);
    assert_eq!(rest.next, None);
}

pub(super) async fn odd_limits_and_cursors_do_no_harm(place: &Place) {
    let store = &*place.store;
    put_all(store, &[key("m", None), key("n", None)]).await;
    assert_eq!(store.list(None, None, 0).await.unwrap().connections.len(), 1);
    for (cursor, count) in [("", 2), ("zzz", 0), ("m", 1), ("[", 2), ("\u{0}", 2), ("+", 2), ("\u{10ffff}", 0)] {
        assert_eq!(store.list(None, Some(cursor), 10).await.unwrap().connections.len(), count, "{cursor:?}");
    }
    assert_eq!(store.list(Some("m"), Some("zzz"), 10).await.unwrap().connections.len(), 0);
    assert_eq!(store.list(Some("n"), Some("a"), 10).await.unwrap().connections.len(), 1);
}
