//! When connections were last used, by name.

use std::time::Duration;

use redb::{ReadTransaction, ReadableTable};

use super::damage;
use super::tables::USED;
use super::writes::Write;
use crate::connection::ConnectionKey;
use crate::store::{StoreError, StoreTime};

impl Write<'_> {
    pub(super) fn note_used(self, used: &[(ConnectionKey, Duration)]) -> Result<(), StoreError> {
        self.transaction(|tables| {
            for (key, ago) in used {
                if !tables.is_there(key)? {
                    continue;
                }
                let (name, at) = (key.encode(), self.now.before(*ago));
                let noted = tables.used.get(name.as_str()).map_err(damage)?.map(|noted| noted.value());
                if noted.is_none_or(|noted| noted < at.0) {
                    tables.used.insert(name.as_str(), at.0).map_err(damage)?;
                }
            }
            Ok(())
        })
    }
}

/// When each of these was last used.
pub(super) fn at(transaction: &ReadTransaction, keys: &[ConnectionKey]) -> Result<Vec<Option<StoreTime>>, StoreError> {
    let table = transaction.open_table(USED).map_err(damage)?;
    let noted = |key: &ConnectionKey| {
        let noted = table.get(key.encode().as_str()).map_err(damage)?;
        Ok(noted.map(|noted| StoreTime(noted.value())))
    };
    keys.iter().map(noted).collect()
}
