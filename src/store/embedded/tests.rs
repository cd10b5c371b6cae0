//! What is special to the embedded file.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;
use crate::connection::{Generation, Status};
use crate::store::{GrantKind, Head, NewRecord, Owner, PutWhen, Store};
use crate::vault::Sealed;

impl EmbeddedStore {
    /// Replaces a row by any bytes, or removes it, past every check.
    pub(in crate::store) fn overwrite(&self, table: &'static str, key: &ConnectionKey, bytes: Option<&[u8]>) {
        let transaction = self.database.begin_write().unwrap();
        {
            let definition: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new(table);
            let mut table = transaction.open_table(definition).unwrap();
            match bytes {
                Some(bytes) => drop(table.insert(key.encode().as_str(), bytes).unwrap()),
                None => drop(table.remove(key.encode().as_str()).unwrap()),
            }
        }
        transaction.commit().unwrap();
    }
}

fn record() -> NewRecord {
    let head = Head::new(Generation::first(), "default", GrantKind::AccessToken, None);
    NewRecord { head, session: None, grant: Sealed::from_bytes(vec![7; 300]) }
}

#[test]
fn a_new_file_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let _store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_is_open_already_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let first = EmbeddedStore::open(&path).unwrap();
    let second = EmbeddedStore::open(&path).unwrap_err();
    assert!(matches!(&second, StoreError::InUse(named) if *named == path.display().to_string()), "{second}");
    drop(first);
    EmbeddedStore::open(&path).unwrap();
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let notes = "not a database ".repeat(1000);
    std::fs::write(&path, &notes).unwrap();
    for path in [&path, &folder.path().join("missing/store.redb"), &folder.path().to_owned()] {
        let error = EmbeddedStore::open(path).unwrap_err();
        assert!(matches!(&error, StoreError::Refused(_)), "{error}");
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again_but_no_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let key = ConnectionKey::parse("acme", None).unwrap();
    let store = EmbeddedStore::open(&path).unwrap();
    let record = record();
    store.put(&key, &record, PutWhen::Absent).await.unwrap();
    assert!(store.take_lease(&key, &Owner::random(), Duration::from_secs(60)).await.unwrap());
    drop(store);
    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(store.read_record(&key).await.unwrap().unwrap().grant, record.grant);
    assert!(store.take_lease(&key, &Owner::random(), Duration::from_secs(60)).await.unwrap());
}

#[tokio::test]
async fn a_write_whose_caller_went_away_is_whole_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&folder.path().join("store.redb")).unwrap();
    for number in 0..50 {
        let key = ConnectionKey::parse(&format!("t{number}"), None).unwrap();
        let record = record();
        let put = store.put(&key, &record, PutWhen::Absent);
        // Let go of at its first wait.
        let _ = tokio::time::timeout(Duration::ZERO, put).await;
        // Writes queue behind the one that was let go of.
        store.set_status(&key, record.head.generation, Status::Active, None).await.unwrap();
        let row = store.read_record(&key).await.unwrap();
        assert!(row.is_none_or(|row| row.grant == record.grant && row.head.generation == record.head.generation));
    }
}
