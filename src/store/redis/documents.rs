//! Documents in Redis, each a key of its own. The index of their names is in another slot: a hint, written after the
//! document, and put right where a listing finds a name without one.

use std::time::Duration;

use redis::Value;

use super::RedisStore;
use super::keys::{AUDITS, document, documents};
use super::scripts;
use crate::store::listing::MAX_PAGE;
use crate::store::{AuditEntry, DocumentKind, DocumentName, DocumentWhen, MAX_AUDITS, StoreError, StoreTime};

/// The one field of an entry of the audit trail.
const FIELD: &str = "entry";

impl RedisStore {
    pub(super) async fn read_document(&self, name: &DocumentName) -> Result<Option<Vec<u8>>, StoreError> {
        let key = document(name);
        self.link.query(&key, redis::cmd("GET").arg(&key)).await
    }

    pub(super) async fn write_document(
        &self,
        name: &DocumentName,
        value: &[u8],
        when: DocumentWhen<'_>,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let written: bool = self.link.call(&scripts::put_document(document(name), value, when, life)).await?;
        if written {
            let index = documents(name.kind());
            self.link.query::<()>(&index, redis::cmd("ZADD").arg(&index).arg(0).arg(name.name())).await?;
        }
        Ok(written)
    }

    pub(super) async fn drop_document(&self, name: &DocumentName, was: Option<&[u8]>) -> Result<bool, StoreError> {
        let removed: bool = self.link.call(&scripts::remove_document(document(name), was)).await?;
        if removed {
            self.unlist_document(name.kind(), name.name()).await?;
        }
        Ok(removed)
    }

    pub(super) async fn page_of_documents(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let (index, limit) = (documents(kind), limit.clamp(1, MAX_PAGE));
        let mut from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        loop {
            let mut range = redis::cmd("ZRANGE");
            range.arg(&index).arg(&from).arg("+").arg("BYLEX").arg("LIMIT").arg(0).arg(limit);
            let names: Vec<String> = self.link.query(&index, &range).await?;
            let Some(last) = names.last() else { return Ok(Vec::new()) };
            from = format!("({last}");
            let page = self.read_listed(kind, names).await?;
            // A page of names whose documents are gone is not the end.
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    async fn read_listed(&self, kind: DocumentKind, names: Vec<String>) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        // What is no name was not written here.
        let known: Vec<_> = names.into_iter().filter_map(|name| DocumentName::new(kind, name).ok()).collect();
        let reads: Vec<_> =
            known.iter().map(|name| (document(name), redis::cmd("GET").arg(document(name)).take())).collect();
        let values: Vec<Option<Vec<u8>>> = self.link.queries(&reads).await?;
        let mut page = Vec::new();
        for (name, value) in known.iter().zip(values) {
            match value {
                Some(value) => page.push((name.name().to_owned(), value)),
                None => self.unlist_document(kind, name.name()).await?,
            }
        }
        Ok(page)
    }

    // It may be written anew just now, and its name listed before it is taken out here; so look once more.
    async fn unlist_document(&self, kind: DocumentKind, name: &str) -> Result<(), StoreError> {
        let index = documents(kind);
        self.link.query::<()>(&index, redis::cmd("ZREM").arg(&index).arg(name)).await?;
        let Ok(document) = DocumentName::new(kind, name) else { return Ok(()) };
        if self.read_document(&document).await?.is_some() {
            self.link.query::<()>(&index, redis::cmd("ZADD").arg(&index).arg(0).arg(name)).await?;
        }
        Ok(())
    }

    /// Adds to the audit trail. Not sent again if its answer is lost.
    pub(super) async fn add_audit(&self, entry: &[u8]) -> Result<(), StoreError> {
        let mut add = redis::cmd("XADD");
        add.arg(AUDITS).arg("MAXLEN").arg("~").arg(MAX_AUDITS).arg("*").arg(FIELD).arg(entry);
        self.link.query_once(AUDITS, &add).await
    }

    pub(super) async fn audits_after(&self, after: Option<&str>, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let after = after.filter(|after| super::events::time_of(after).is_some());
        let from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        let mut range = redis::cmd("XRANGE");
        range.arg(AUDITS).arg(from).arg("+").arg("COUNT").arg(limit.clamp(1, MAX_PAGE));
        let entries: Vec<(String, Vec<(String, Value)>)> = self.link.query(AUDITS, &range).await?;
        Ok(entries.into_iter().filter_map(|(id, fields)| read_audit(id, fields)).collect())
    }
}

fn read_audit(id: String, fields: Vec<(String, Value)>) -> Option<AuditEntry> {
    let at = StoreTime(super::events::time_of(&id)?);
    match fields.into_iter().next() {
        Some((_, Value::BulkString(entry))) => Some(AuditEntry { id, at, entry }),
        _ => None,
    }
}
