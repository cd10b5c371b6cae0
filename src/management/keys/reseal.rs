//! Sealing records anew under the first key of each ring, page by page, beside callers and exchanges. What is under that
//! key already is passed over, so that a pass which was cut short is taken up by beginning again.

use serde::{Deserialize, Serialize};

use super::documents::Place;
use super::{KeyKeeper, RingView};
use crate::connection::ConnectionKey;
use crate::management::{MAX_PAGE, Name, Refusal};
use crate::store::{Resealed, StoreError};
use crate::vault::{OpenError, Purpose, Sealed};

/// Records at one time: enough to hide the way to the store, few beside what callers need of it.
const AT_ONCE: usize = 8;
/// A record that moves is read again this many times. Each time, an exchange was stored in the moment between two
/// operations of the store.
const TRIES: usize = 5;

/// What came of one page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResealPage {
    /// The rings of the process that did it; without grant keys, grants were left as they are.
    pub rings: Vec<RingView>,
    /// Connections that were sealed anew.
    pub resealed: u64,
    /// Connections that needed nothing.
    pub current: u64,
    /// Connections that could not be sealed anew.
    pub failed: Vec<NotResealed>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// A connection that could not be sealed anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotResealed {
    /// The connection.
    pub connection: Name,
    /// Why.
    pub why: String,
}

/// What came of one connection.
enum Outcome {
    Resealed,
    Current,
    Gone,
    Failed(NotResealed),
}

impl KeyKeeper {
    /// Seals one page of the records anew. A first page has the key files read again: they were changed for this.
    pub async fn reseal(&self, cursor: Option<&str>, limit: usize) -> Result<ResealPage, Refusal> {
        if cursor.is_none() {
            self.rings_as_in_files().await?;
        }
        if self.vault.tenants().is_some() {
            let message = "this process has session keys of some tenants only; do it where the whole session keys are";
            return Err(Refusal::Failed { message: message.to_owned() });
        }
        let limit = limit.clamp(1, MAX_PAGE);
        if let Some(place) = Place::parse(cursor) {
            return self.reseal_documents(&place, limit).await;
        }
        let listed = self.store.list(None, cursor, limit).await?;
        let next = match listed.next {
            None => self.after_connections().await?,
            next => next,
        };
        let mut page = ResealPage { rings: self.rings(), next, ..ResealPage::default() };
        let corrupt = |key: &ConnectionKey| NotResealed::of(key, "its record is corrupt");
        page.failed.extend(listed.corrupt.iter().map(corrupt));
        let keys = listed.connections.into_iter().map(|(key, _)| key);
        for outcome in self.each(keys, AT_ONCE, |keeper, key| async move { keeper.reseal_one(&key).await }).await? {
            match outcome {
                Outcome::Resealed => page.resealed += 1,
                Outcome::Current => page.current += 1,
                Outcome::Gone => {}
                Outcome::Failed(failed) => page.failed.push(failed),
            }
        }
        Ok(page)
    }

    async fn reseal_one(&self, key: &ConnectionKey) -> Result<Outcome, Refusal> {
        let failed = |why: &dyn std::fmt::Display| Ok(Outcome::Failed(NotResealed::of(key, why)));
        for _ in 0..TRIES {
            let parts = match self.read(key).await {
                Ok(Some(parts)) => parts,
                Ok(None) => return Ok(Outcome::Gone),
                Err(error @ StoreError::Corrupt(..)) => return failed(&error),
                Err(error) => return Err(error.into()),
            };
            let session = match self.anew(Purpose::Session, key, parts.session) {
                Ok(session) => session,
                Err(error) => return failed(&format_args!("its session is {error}")),
            };
            let grant = match self.anew(Purpose::Grant, key, parts.grant) {
                Ok(grant) => grant,
                Err(error) => return failed(&format_args!("its grant is {error}")),
            };
            if session.is_none() && grant.is_none() {
                return Ok(Outcome::Current);
            }
            match self.store.reseal(key, session.as_ref(), grant.as_ref()).await {
                Ok(true) => return Ok(Outcome::Resealed),
                Ok(false) => {}
                Err(error @ StoreError::Corrupt(..)) => return failed(&error),
                Err(error) => return Err(error.into()),
            }
        }
        failed(&"it was changed by others again and again; the same command later will do it")
    }

    fn anew(
        &self,
        purpose: Purpose,
        key: &ConnectionKey,
        sealed: Option<Sealed>,
    ) -> Result<Option<Resealed>, OpenError> {
        let Some(old) = sealed else { return Ok(None) };
        Ok(self.vault.reseal(purpose, key, &old)?.map(|new| Resealed { old, new }))
    }
}

impl NotResealed {
    fn of(key: &ConnectionKey, why: impl std::fmt::Display) -> Self {
        Self { connection: Name::of(key), why: why.to_string() }
    }
}
