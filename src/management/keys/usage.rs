//! Which keys the records need: each names its key in the clear, so nothing is opened to find out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::documents::Place;
use super::{KeyKeeper, Parts, RingView};
use crate::connection::ConnectionKey;
use crate::management::{MAX_PAGE, Name, Refusal};
use crate::store::StoreError;
use crate::vault::{KeyId, Purpose};

/// What the records of one page need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsagePage {
    /// The rings of the process that looked.
    pub rings: Vec<RingView>,
    /// How many sessions each key has sealed.
    pub session: BTreeMap<KeyId, u64>,
    /// How many grants each key has sealed; none are looked at without grant keys.
    pub grant: BTreeMap<KeyId, u64>,
    /// What no key of the rings opens.
    pub unopenable: Vec<Unopenable>,
    /// Connections whose record cannot be read, so that what it needs is not known.
    pub corrupt: Vec<Name>,
    /// Connections of tenants that the process has no keys for. They are not looked at.
    pub others: u64,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// A part of a connection that is sealed with a key of no ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unopenable {
    /// The connection.
    pub connection: Name,
    /// Which part.
    pub purpose: Purpose,
    /// The key that it names.
    pub key: KeyId,
}

/// What one connection needs.
enum Needs {
    Keys(ConnectionKey, Vec<(Purpose, KeyId)>),
    Unknown(ConnectionKey),
}

impl UsagePage {
    /// The counts of one purpose.
    pub fn of(&self, purpose: Purpose) -> &BTreeMap<KeyId, u64> {
        match purpose {
            Purpose::Session => &self.session,
            Purpose::Grant => &self.grant,
        }
    }

    /// Adds what another page found; its rings and its end are the newer ones.
    pub fn add(&mut self, page: Self) {
        for (sum, counts) in [(&mut self.session, page.session), (&mut self.grant, page.grant)] {
            for (key, count) in counts {
                *sum.entry(key).or_default() += count;
            }
        }
        self.unopenable.extend(page.unopenable);
        self.corrupt.extend(page.corrupt);
        self.others += page.others;
        (self.rings, self.next) = (page.rings, page.next);
    }

    fn count(&mut self, purpose: Purpose, key: KeyId) {
        let counts = match purpose {
            Purpose::Session => &mut self.session,
            Purpose::Grant => &mut self.grant,
        };
        *counts.entry(key).or_default() += 1;
    }
}

impl KeyKeeper {
    /// Looks at one page of the records, of one tenant or all, `at_once` at a time.
    pub async fn usage(
        &self,
        tenant: Option<&str>,
        cursor: Option<&str>,
        limit: usize,
        at_once: usize,
    ) -> Result<UsagePage, Refusal> {
        let limit = limit.clamp(1, MAX_PAGE);
        if let Some(place) = Place::parse(cursor) {
            return self.documents_usage(&place, limit).await;
        }
        let listed = self.store.list(tenant, cursor, limit).await?;
        let next = match listed.next {
            None if tenant.is_none() => self.after_connections().await?,
            next => next,
        };
        let mut page = UsagePage { rings: self.rings(), next, ..UsagePage::default() };
        page.corrupt.extend(listed.corrupt.iter().map(Name::of));
        let all = listed.connections.len();
        let own: Vec<_> =
            listed.connections.into_iter().map(|(key, _)| key).filter(|key| self.vault.covers(key.tenant())).collect();
        page.others = u64::try_from(all - own.len()).unwrap_or(u64::MAX);
        for needs in self.each(own, at_once, |keeper, key| async move { keeper.needs(key).await }).await? {
            match needs {
                Needs::Unknown(key) => page.corrupt.push(Name::of(&key)),
                Needs::Keys(connection, keys) => {
                    for (purpose, key) in keys {
                        page.count(purpose, key);
                        if !self.vault.knows(purpose, key, connection.tenant()) {
                            page.unopenable.push(Unopenable { connection: Name::of(&connection), purpose, key });
                        }
                    }
                }
            }
        }
        Ok(page)
    }

    async fn needs(self, key: ConnectionKey) -> Result<Needs, Refusal> {
        match self.read(&key).await {
            Ok(parts) => {
                let keys: Option<Vec<_>> = parts
                    .iter()
                    .flat_map(Parts::each)
                    .map(|(purpose, sealed)| Some((purpose, sealed.key_id()?)))
                    .collect();
                Ok(keys.map_or_else(|| Needs::Unknown(key.clone()), |keys| Needs::Keys(key.clone(), keys)))
            }
            Err(StoreError::Corrupt(..)) => Ok(Needs::Unknown(key)),
            Err(error) => Err(error.into()),
        }
    }
}
