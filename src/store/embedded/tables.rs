//! The tables of the embedded file and how a row is read from them and written to them. Keys are encoded connection
//! keys, so that the order of the table is the order of a listing.

use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::damage;
use crate::connection::ConnectionKey;
use crate::store::stored_event::StoredEvent;
use crate::store::stored_head::{self, StoredHead};
use crate::store::{Fingerprint, Intent, StoreError, StoreTime};
use crate::vault::Sealed;

type Bytes = TableDefinition<'static, &'static str, &'static [u8]>;
type Text = TableDefinition<'static, &'static str, &'static str>;

pub(super) const STATUS: Bytes = TableDefinition::new("status");
pub(super) const SESSION: Bytes = TableDefinition::new("session");
pub(super) const GRANT: Bytes = TableDefinition::new("grant");
pub(super) const INTENT: Bytes = TableDefinition::new("intent");
pub(super) const FINGERPRINT: Text = TableDefinition::new("fingerprint");
/// When each connection is due, in milliseconds of the store's clock.
pub(super) const DUE: TableDefinition<'static, &'static str, u64> = TableDefinition::new("due");
/// The same in the order of time, so that what is due is one short range.
pub(super) const DUE_ORDER: TableDefinition<'static, (u64, &'static str), ()> = TableDefinition::new("due order");
/// When each connection was last used, in milliseconds of the store's clock.
pub(super) const USED: TableDefinition<'static, &'static str, u64> = TableDefinition::new("used");
/// Events in the order in which they were written, each with its time.
pub(super) const EVENT: TableDefinition<'static, u64, (u64, &'static [u8])> = TableDefinition::new("event");
/// Documents by kind and name, each with the time when its life ends (0: never).
pub(super) const DOCUMENT: TableDefinition<'static, (&'static str, &'static str), (u64, &'static [u8])> =
    TableDefinition::new("document");
/// The audit trail in the order in which it was written, each entry with its time.
pub(super) const AUDIT: TableDefinition<'static, u64, (u64, &'static [u8])> = TableDefinition::new("audit");

/// Every table, open for one write.
pub(super) struct Tables<'t> {
    status: Table<'t, &'static str, &'static [u8]>,
    session: Table<'t, &'static str, &'static [u8]>,
    grant: Table<'t, &'static str, &'static [u8]>,
    intent: Table<'t, &'static str, &'static [u8]>,
    fingerprint: Table<'t, &'static str, &'static str>,
    pub(super) due: Table<'t, &'static str, u64>,
    pub(super) due_order: Table<'t, (u64, &'static str), ()>,
    pub(super) used: Table<'t, &'static str, u64>,
    pub(super) event: Table<'t, u64, (u64, &'static [u8])>,
    pub(super) document: Table<'t, (&'static str, &'static str), (u64, &'static [u8])>,
    pub(super) audit: Table<'t, u64, (u64, &'static [u8])>,
}

impl<'t> Tables<'t> {
    /// Opens the tables, making those that are missing.
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            status: transaction.open_table(STATUS).map_err(damage)?,
            session: transaction.open_table(SESSION).map_err(damage)?,
            grant: transaction.open_table(GRANT).map_err(damage)?,
            intent: transaction.open_table(INTENT).map_err(damage)?,
            fingerprint: transaction.open_table(FINGERPRINT).map_err(damage)?,
            due: transaction.open_table(DUE).map_err(damage)?,
            due_order: transaction.open_table(DUE_ORDER).map_err(damage)?,
            used: transaction.open_table(USED).map_err(damage)?,
            event: transaction.open_table(EVENT).map_err(damage)?,
            document: transaction.open_table(DOCUMENT).map_err(damage)?,
            audit: transaction.open_table(AUDIT).map_err(damage)?,
        })
    }

    /// Whether there is such a connection, whatever its record is worth.
    pub(super) fn is_there(&self, key: &ConnectionKey) -> Result<bool, StoreError> {
        Ok(self.status.get(key.encode().as_str()).map_err(damage)?.is_some())
    }

    /// The clear row of a connection.
    pub(super) fn head(&self, key: &ConnectionKey) -> Result<Option<StoredHead>, StoreError> {
        let row = self.status.get(key.encode().as_str()).map_err(damage)?;
        row.map(|row| StoredHead::parse(key, row.value())).transpose()
    }

    /// The open intent of a connection.
    pub(super) fn intent(&self, key: &ConnectionKey) -> Result<Option<Intent>, StoreError> {
        let row = self.intent.get(key.encode().as_str()).map_err(damage)?;
        row.map(|row| stored_head::parse_intent(key, row.value())).transpose()
    }

    /// Writes the clear row, lists the connection under its fingerprints and no longer under those of `old` only, and
    /// leaves an event if its state is another one now.
    pub(super) fn set_head(
        &mut self,
        key: &ConnectionKey,
        old: Option<&StoredHead>,
        new: &StoredHead,
    ) -> Result<(), StoreError> {
        let name = key.encode();
        self.status.insert(name.as_str(), new.to_bytes().as_slice()).map_err(damage)?;
        for gone in old.into_iter().flat_map(StoredHead::fingerprints) {
            if !new.mentions(gone) {
                self.drop_fingerprint(&name, gone)?;
            }
        }
        self.note_fingerprints(key, new)?;
        // A state that is new began with this write.
        self.tell(StoredEvent::of(key, old, Some(new)), new.head.since)
    }

    /// Notes that the connection was seen with its tokens, last of all that were.
    pub(super) fn note_fingerprints(&mut self, key: &ConnectionKey, row: &StoredHead) -> Result<(), StoreError> {
        let name = key.encode();
        for fingerprint in row.fingerprints() {
            self.fingerprint.insert(fingerprint.as_str(), name.as_str()).map_err(damage)?;
        }
        Ok(())
    }

    /// The sealed session and grant.
    pub(super) fn sealed(&self, key: &ConnectionKey) -> Result<(Option<Sealed>, Option<Sealed>), StoreError> {
        let name = key.encode();
        let read = |table: &Table<'_, &'static str, &'static [u8]>| {
            let row = table.get(name.as_str()).map_err(damage)?;
            Ok::<_, StoreError>(row.map(|row| Sealed::from_bytes(row.value().to_vec())))
        };
        Ok((read(&self.session)?, read(&self.grant)?))
    }

    /// Writes the sealed session, or removes it.
    pub(super) fn set_session(&mut self, key: &ConnectionKey, session: Option<&Sealed>) -> Result<(), StoreError> {
        let name = key.encode();
        match session {
            Some(session) => drop(self.session.insert(name.as_str(), session.as_bytes()).map_err(damage)?),
            None => drop(self.session.remove(name.as_str()).map_err(damage)?),
        }
        Ok(())
    }

    /// Writes the sealed grant.
    pub(super) fn set_grant(&mut self, key: &ConnectionKey, grant: &Sealed) -> Result<(), StoreError> {
        self.grant.insert(key.encode().as_str(), grant.as_bytes()).map_err(damage)?;
        Ok(())
    }

    /// Writes the intent, or removes it.
    pub(super) fn set_intent(&mut self, key: &ConnectionKey, intent: Option<&Intent>) -> Result<(), StoreError> {
        let name = key.encode();
        match intent {
            Some(intent) => {
                let row = serde_json::to_vec(intent).expect("intents have text keys only");
                self.intent.insert(name.as_str(), row.as_slice()).map_err(damage)?;
            }
            None => drop(self.intent.remove(name.as_str()).map_err(damage)?),
        }
        Ok(())
    }

    /// Removes everything of a connection; `old` is its clear row if that can be read.
    pub(super) fn remove(
        &mut self,
        key: &ConnectionKey,
        old: Option<&StoredHead>,
        now: StoreTime,
    ) -> Result<(), StoreError> {
        let name = key.encode();
        for fingerprint in old.into_iter().flat_map(StoredHead::fingerprints) {
            self.drop_fingerprint(&name, fingerprint)?;
        }
        for table in [&mut self.status, &mut self.session, &mut self.grant, &mut self.intent] {
            table.remove(name.as_str()).map_err(damage)?;
        }
        self.used.remove(name.as_str()).map_err(damage)?;
        self.tell(StoredEvent::of(key, old, None), now)
    }

    // Another connection may have been seen with the token since; its entry stays.
    fn drop_fingerprint(&mut self, name: &str, fingerprint: &Fingerprint) -> Result<(), StoreError> {
        let holder = self.fingerprint.get(fingerprint.as_str()).map_err(damage)?;
        let own = holder.is_some_and(|holder| holder.value() == name);
        if own {
            self.fingerprint.remove(fingerprint.as_str()).map_err(damage)?;
        }
        Ok(())
    }
}

/// One row of a table of bytes.
pub(super) fn row(transaction: &ReadTransaction, table: Bytes, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let table = transaction.open_table(table).map_err(damage)?;
    let row = table.get(name).map_err(damage)?;
    Ok(row.map(|row| row.value().to_vec()))
}
