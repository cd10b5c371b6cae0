//! Reads of the embedded file, each from one snapshot.

use redb::ReadTransaction;

use super::damage;
use super::tables::{self, FINGERPRINT, GRANT, INTENT, SESSION, STATUS};
use crate::connection::ConnectionKey;
use crate::store::listing::{self, Range};
use crate::store::stored_head::{self, StoredHead, corrupt};
use crate::store::{Fingerprint, Page, Record, Row, StoreError, StoreTime};
use crate::vault::Sealed;

pub(super) fn row(
    transaction: &ReadTransaction,
    key: &ConnectionKey,
    now: StoreTime,
) -> Result<Option<Row>, StoreError> {
    let name = key.encode();
    let Some(status) = tables::row(transaction, STATUS, &name)? else {
        return Ok(None);
    };
    let head = StoredHead::parse(key, &status)?.head;
    let session = tables::row(transaction, SESSION, &name)?.map(Sealed::from_bytes);
    Ok(Some(Row { head, session, now }))
}

pub(super) fn record(
    transaction: &ReadTransaction,
    key: &ConnectionKey,
    now: StoreTime,
) -> Result<Option<Record>, StoreError> {
    let Some(Row { head, session, now }) = row(transaction, key, now)? else {
        return Ok(None);
    };
    let name = key.encode();
    let grant = tables::row(transaction, GRANT, &name)?.map(Sealed::from_bytes);
    let grant = grant.ok_or_else(|| corrupt(key, "it has no grant"))?;
    let intent = tables::row(transaction, INTENT, &name)?;
    let intent = intent.map(|bytes| stored_head::parse_intent(key, &bytes)).transpose()?;
    Ok(Some(Record { head, session, grant, intent, now }))
}

pub(super) fn holder(
    transaction: &ReadTransaction,
    fingerprint: &Fingerprint,
) -> Result<Option<ConnectionKey>, StoreError> {
    let table = transaction.open_table(FINGERPRINT).map_err(damage)?;
    let holder = table.get(fingerprint.as_str()).map_err(damage)?;
    let Some(key) = holder.and_then(|name| ConnectionKey::decode(name.value())) else {
        return Ok(None);
    };
    // A corrupt connection may have been removed without its fingerprints being known.
    let status = tables::row(transaction, STATUS, &key.encode())?;
    let confirmed =
        status.is_some_and(|status| StoredHead::parse(&key, &status).is_ok_and(|s| s.mentions(fingerprint)));
    Ok(confirmed.then_some(key))
}

pub(super) fn page(transaction: &ReadTransaction, range: &Range) -> Result<Page, StoreError> {
    if range.is_empty() {
        return Ok(Page::default());
    }
    let table = transaction.open_table(STATUS).map_err(damage)?;
    let mut scanned = Vec::new();
    for entry in table.range::<&str>(range.bounds()).map_err(damage)?.take(range.limit + 1) {
        let (name, status) = entry.map_err(damage)?;
        scanned.push((name.value().to_owned(), Some(status.value().to_vec())));
    }
    Ok(listing::page(scanned, range.limit))
}
