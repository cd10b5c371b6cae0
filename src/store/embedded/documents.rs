//! Documents and the audit trail of the embedded file.

use std::ops::Bound;
use std::time::Duration;

use redb::{ReadTransaction, ReadableTable};

use super::damage;
use super::tables::{AUDIT, DOCUMENT, Tables};
use super::writes::Write;
use crate::store::{AuditEntry, DocumentKind, DocumentName, DocumentWhen, MAX_AUDITS, StoreError, StoreTime};

/// Documents whose life has ended are removed this many at a time, beside a write.
const SWEPT: usize = 8;

fn lives(ends: u64, now: StoreTime) -> bool {
    ends == 0 || ends > now.0
}

pub(super) fn read(
    transaction: &ReadTransaction,
    name: &DocumentName,
    now: StoreTime,
) -> Result<Option<Vec<u8>>, StoreError> {
    let table = transaction.open_table(DOCUMENT).map_err(damage)?;
    let row = table.get((name.kind().as_str(), name.name())).map_err(damage)?;
    Ok(row.and_then(|row| {
        let (ends, value) = row.value();
        lives(ends, now).then(|| value.to_vec())
    }))
}

pub(super) fn page(
    transaction: &ReadTransaction,
    kind: DocumentKind,
    after: Option<&str>,
    limit: usize,
    now: StoreTime,
) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let table = transaction.open_table(DOCUMENT).map_err(damage)?;
    let kind = kind.as_str();
    let from = Bound::Excluded((kind, after.unwrap_or_default()));
    let mut page = Vec::new();
    for entry in table.range::<(&str, &str)>((from, Bound::Unbounded)).map_err(damage)? {
        let (key, row) = entry.map_err(damage)?;
        let ((of, name), (ends, value)) = (key.value(), row.value());
        if of != kind || page.len() == limit {
            break;
        }
        if lives(ends, now) {
            page.push((name.to_owned(), value.to_vec()));
        }
    }
    Ok(page)
}

pub(super) fn audits(
    transaction: &ReadTransaction,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<AuditEntry>, StoreError> {
    let table = transaction.open_table(AUDIT).map_err(damage)?;
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let entries = table.range((from, Bound::Unbounded)).map_err(damage)?.take(limit);
    entries
        .map(|entry| {
            let (id, row) = entry.map_err(damage)?;
            let (at, entry) = row.value();
            Ok(AuditEntry { id: id.value().to_string(), at: StoreTime(at), entry: entry.to_vec() })
        })
        .collect()
}

impl Write<'_> {
    pub(super) fn put_document(
        self,
        name: &DocumentName,
        value: &[u8],
        when: DocumentWhen<'_>,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let now = self.now;
        self.transaction(|tables| {
            let there = tables.document_at(name, now)?;
            let may = match when {
                _ if there.as_deref() == Some(value) => true,
                DocumentWhen::Always => true,
                DocumentWhen::Absent => there.is_none(),
                DocumentWhen::Was(was) => there.as_deref() == Some(was),
            };
            if may {
                let ends = life.map_or(0, |life| now.after(life).0);
                tables.document.insert((name.kind().as_str(), name.name()), (ends, value)).map_err(damage)?;
                tables.sweep(now)?;
            }
            Ok(may)
        })
    }

    pub(super) fn remove_document(self, name: &DocumentName, was: Option<&[u8]>) -> Result<bool, StoreError> {
        let now = self.now;
        self.transaction(|tables| {
            let there = tables.document_at(name, now)?;
            let may = was.is_none_or(|was| there.as_deref().is_none_or(|there| there == was));
            if may {
                tables.document.remove((name.kind().as_str(), name.name())).map_err(damage)?;
            }
            Ok(may)
        })
    }

    pub(super) fn audit(self, entry: &[u8]) -> Result<(), StoreError> {
        let now = self.now;
        self.transaction(|tables| {
            let id = tables.audit.last().map_err(damage)?.map_or(0, |(id, _)| id.value()) + 1;
            tables.audit.insert(id, (now.0, entry)).map_err(damage)?;
            if let Some(forgotten) = id.checked_sub(MAX_AUDITS as u64) {
                tables.audit.remove(forgotten).map_err(damage)?;
            }
            Ok(())
        })
    }
}

impl Tables<'_> {
    fn document_at(&self, name: &DocumentName, now: StoreTime) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.document.get((name.kind().as_str(), name.name())).map_err(damage)?;
        Ok(row.and_then(|row| {
            let (ends, value) = row.value();
            lives(ends, now).then(|| value.to_vec())
        }))
    }

    /// Only links end by themselves, and there are never many: a look through them is short.
    fn sweep(&mut self, now: StoreTime) -> Result<(), StoreError> {
        let mut ended = Vec::new();
        for entry in self.document.iter().map_err(damage)? {
            let (key, row) = entry.map_err(damage)?;
            if !lives(row.value().0, now) {
                let (kind, name) = key.value();
                ended.push((kind.to_owned(), name.to_owned()));
            }
            if ended.len() == SWEPT {
                break;
            }
        }
        for (kind, name) in &ended {
            self.document.remove((kind.as_str(), name.as_str())).map_err(damage)?;
        }
        Ok(())
    }
}
