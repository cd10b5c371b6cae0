//! Documents and the audit trail.

use super::*;

fn name(name: &str) -> DocumentName {
    DocumentName::new(DocumentKind::Link, name).unwrap()
}

pub(super) async fn a_document_is_written_only_as_it_was_demanded(place: &Place) {
    let store = &*place.store;
    let link = name("one");
    let (first, second): (&[u8], &[u8]) = (b"\x00first\xff", b"second");
    assert_eq!(store.document(&link).await.unwrap(), None);
    assert!(!store.put_document(&link, second, DocumentWhen::Was(first), None).await.unwrap(), "there is none");
    for _ in 0..2 {
        assert!(store.put_document(&link, first, DocumentWhen::Absent, None).await.unwrap(), "also when repeated");
    }
    assert!(!store.put_document(&link, second, DocumentWhen::Absent, None).await.unwrap());
    for _ in 0..2 {
        assert!(store.put_document(&link, second, DocumentWhen::Was(first), None).await.unwrap());
    }
    assert!(!store.put_document(&link, b"third", DocumentWhen::Was(first), None).await.unwrap());
    assert_eq!(store.document(&link).await.unwrap().as_deref(), Some(second));
    let same_name = DocumentName::new(DocumentKind::App, "one").unwrap();
    assert_eq!(store.document(&same_name).await.unwrap(), None, "kinds are apart");

    assert!(!store.remove_document(&link, Some(first)).await.unwrap(), "it is another one by now");
    for _ in 0..2 {
        assert!(store.remove_document(&link, Some(second)).await.unwrap());
    }
    assert_eq!(store.document(&link).await.unwrap(), None);
    assert!(store.put_document(&link, first, DocumentWhen::Always, None).await.unwrap());
    assert!(store.remove_document(&link, None).await.unwrap());
    assert_eq!(store.documents(DocumentKind::Link, None, 10).await.unwrap(), []);
}

pub(super) async fn of_a_hundred_that_write_over_one_document_one_wins(place: &Place) {
    let link = name("raced");
    place.store.put_document(&link, b"minted", DocumentWhen::Absent, None).await.unwrap();
    let won = race(100, |number| {
        let (store, link) = (Arc::clone(&place.store), link.clone());
        async move {
            let value = format!("taken by {number}");
            store.put_document(&link, value.as_bytes(), DocumentWhen::Was(b"minted"), None).await.unwrap()
        }
    })
    .await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
}

pub(super) async fn a_document_goes_when_its_life_ends(place: &Place) {
    let store = &*place.store;
    let (short, long) = (name("short"), name("long"));
    store.put_document(&long, b"stays", DocumentWhen::Absent, None).await.unwrap();
    store.put_document(&short, b"goes", DocumentWhen::Absent, Some(Duration::from_millis(50))).await.unwrap();
    eventually("the life ends", async || store.document(&short).await.unwrap().is_none()).await;
    assert!(!store.put_document(&short, b"anew", DocumentWhen::Was(b"goes"), None).await.unwrap());
    let listed = store.documents(DocumentKind::Link, None, 10).await.unwrap();
    assert_eq!(listed, [("long".to_owned(), b"stays".to_vec())]);
    assert!(store.put_document(&short, b"anew", DocumentWhen::Absent, None).await.unwrap());
}

pub(super) async fn documents_are_paged_through_by_name(place: &Place) {
    let store = &*place.store;
    let mut expected = Vec::new();
    for number in 0..25 {
        let document = format!("d-{number:02}");
        store.put_document(&name(&document), document.as_bytes(), DocumentWhen::Absent, None).await.unwrap();
        expected.push((document.clone(), document.into_bytes()));
    }
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    loop {
        let after = found.last().map(|(name, _)| name.clone());
        let page = store.documents(DocumentKind::Link, after.as_deref(), 10).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 10);
        found.extend(page);
    }
    assert_eq!(found, expected);
}

pub(super) async fn the_audit_trail_keeps_its_order(place: &Place) {
    let store = &*place.store;
    for entry in ["one", "two", "three"] {
        store.audit(entry.as_bytes()).await.unwrap();
    }
    let entries = store.audits(None, 2).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.entry.as_slice()).collect::<Vec<_>>(), [b"one", b"two"]);
    assert!(entries[0].at > StoreTime(0));
    let rest = store.audits(Some(&entries[1].id), 10).await.unwrap();
    assert_eq!(rest.iter().map(|entry| entry.entry.as_slice()).collect::<Vec<_>>(), [b"three"]);
    assert_eq!(store.audits(Some(&rest[0].id), 10).await.unwrap(), []);
}
