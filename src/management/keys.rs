//! What becomes of records and documents when keys change: which keys they need, sealing them anew, and noticing those that no key
//! opens. A record's generation, status and announcements are never touched here.

mod documents;
mod reseal;
mod usage;
mod watch;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

pub use reseal::{NotResealed, ResealPage};
pub use usage::{Unopenable, UsagePage};

use super::Refusal;
use crate::connection::ConnectionKey;
use crate::store::{Store, StoreError};
use crate::vault::{KeyId, Purpose, Sealed, Vault};

/// Looks after the keys of records. Works beside everything else: it takes no lease and writes by compare-and-set.
#[derive(Clone)]
pub struct KeyKeeper {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
}

/// A ring, as its holder has it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingView {
    /// What its keys are for.
    pub purpose: Purpose,
    /// The ids of its keys in order: the first seals.
    pub keys: Vec<KeyId>,
}

/// The sealed parts of a record that this process has keys for.
struct Parts {
    session: Option<Sealed>,
    grant: Option<Sealed>,
}

impl KeyKeeper {
    /// A keeper of what this vault has sealed in this store.
    pub fn new(store: Arc<dyn Store>, vault: Arc<Vault>) -> Self {
        Self { store, vault }
    }

    /// The rings of this process.
    fn rings(&self) -> Vec<RingView> {
        let view = |purpose| RingView { purpose, keys: self.vault.key_ids(purpose) };
        Purpose::ALL.into_iter().map(view).filter(|ring| !ring.keys.is_empty()).collect()
    }

    /// Makes sure, before a pass over the records begins, that the rings are what the key files say now.
    pub(super) async fn rings_as_in_files(&self) -> Result<(), Refusal> {
        self.reread().await;
        match self.vault.fault() {
            None => Ok(()),
            Some(fault) => {
                let message = format!("a key file has changed and cannot be used: {fault}");
                Err(Refusal::Failed { message })
            }
        }
    }

    /// What is sealed of a connection; `None` if it is gone. Without grant keys the grant is not even read: such a
    /// process need have no right to.
    async fn read(&self, key: &ConnectionKey) -> Result<Option<Parts>, StoreError> {
        if self.vault.has_grant_keys() {
            let record = self.store.read_record(key).await?;
            return Ok(record.map(|record| Parts { session: record.session, grant: Some(record.grant) }));
        }
        let row = self.store.read(key).await?;
        Ok(row.map(|row| Parts { session: row.session, grant: None }))
    }

    /// Does `job` for each connection, `at_once` at a time, and gives the results as they come.
    async fn each<T, F>(
        &self,
        keys: impl IntoIterator<Item = ConnectionKey>,
        at_once: usize,
        job: fn(Self, ConnectionKey) -> F,
    ) -> Result<Vec<T>, Refusal>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let mut running = JoinSet::new();
        let mut done = Vec::new();
        for key in keys {
            if running.len() == at_once
                && let Some(ended) = running.join_next().await
            {
                done.push(joined(ended)?);
            }
            running.spawn(job(self.clone(), key));
        }
        while let Some(ended) = running.join_next().await {
            done.push(joined(ended)?);
        }
        Ok(done)
    }
}

impl Parts {
    fn each(&self) -> impl Iterator<Item = (Purpose, &Sealed)> {
        let parts = [(Purpose::Session, self.session.as_ref()), (Purpose::Grant, self.grant.as_ref())];
        parts.into_iter().filter_map(|(purpose, sealed)| Some((purpose, sealed?)))
    }
}

fn joined<T>(ended: Result<Result<T, Refusal>, tokio::task::JoinError>) -> Result<T, Refusal> {
    ended.unwrap_or_else(|error| Err(Refusal::Failed { message: format!("a task ended without a result: {error}") }))
}

#[cfg(test)]
mod tests;
