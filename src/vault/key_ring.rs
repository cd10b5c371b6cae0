//! A ring: the keys of one purpose in the order of their key file. The first that fits a tenant seals, any that fits
//! opens, so that a rotation is a change of the file's order.

use std::collections::HashMap;
use std::fmt;

use zeroize::Zeroizing;

use super::Purpose;
use super::key::{Key, KeyBytes, KeyId, NotAKey};
use crate::connection::ConnectionKey;

const MAX_KEYS: usize = 64;
/// Some 8 MB of key file. A process that serves more tenants is one to trust with the root keys.
const MAX_DERIVED: usize = 100_000;

/// Keys of one purpose, in the order of the key file.
#[derive(Default)]
pub struct KeyRing {
    keys: Vec<Key>,
    // Places in `keys`.
    roots: Vec<usize>,
    of_tenant: HashMap<Box<str>, Vec<usize>>,
    ids: Vec<KeyId>,
}

/// What is wrong with a key file. Never contains any of its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No key at all.
    #[error("has no key; make one with: orgpass keys new")]
    Empty,
    /// More keys than a ring takes.
    #[error("has more than {MAX_KEYS} keys; retire old ones")]
    TooMany,
    /// More derived keys than a ring takes.
    #[error("has more than {MAX_DERIVED} derived keys; retire old ones, or give this process the root keys")]
    TooManyDerived,
    /// A line is not a key.
    #[error("line {0} is not a key; a line is ID:BASE64 as printed by: orgpass keys new, or by: orgpass keys derive")]
    Line(usize),
    /// A line is a derived key of a later version.
    #[error("line {0} is a derived key of a form that this version does not know; derive it with this version")]
    Derivation(usize),
    /// Two keys have one id.
    #[error("line {0} repeats the id of an earlier key")]
    Repeated(usize),
    /// Grant keys are never derived.
    #[error("has keys that are derived for some tenants; those are session keys, and grant keys are whole ones only")]
    DerivedGrant,
    /// A process that exchanges must be able to seal what it gets, for every tenant.
    #[error("has keys that are derived for some tenants; a process with grant keys needs the whole session keys")]
    DerivedBesideGrant,
    /// Derived keys cannot be derived further.
    #[error("has only keys that are derived already; derive where the whole session keys are")]
    NothingToDerive,
}

impl KeyRing {
    /// Parses a key file. Empty lines and lines that begin with `#` are skipped.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut ring = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = Key::parse(line).map_err(|error| match error {
                NotAKey::Form => KeyError::Line(number),
                NotAKey::UnknownDerivation => KeyError::Derivation(number),
            })?;
            if ring.has(&key) {
                return Err(KeyError::Repeated(number));
            }
            ring.push(key)?;
        }
        if ring.keys.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(ring)
    }

    /// Whether the ring suits a purpose, in a process that has grant keys or none.
    pub fn suits(&self, purpose: Purpose, has_grant_keys: bool) -> Result<(), KeyError> {
        match purpose {
            _ if self.of_tenant.is_empty() => Ok(()),
            Purpose::Grant => Err(KeyError::DerivedGrant),
            Purpose::Session if has_grant_keys => Err(KeyError::DerivedBesideGrant),
            Purpose::Session => Ok(()),
        }
    }

    /// The ids of its keys, each once, in the order of the file.
    pub fn ids(&self) -> &[KeyId] {
        &self.ids
    }

    /// The tenants that it has keys for; `None` if it has keys for all.
    pub fn tenants(&self) -> Option<Vec<String>> {
        let tenants = || self.of_tenant.keys().map(|tenant| tenant.clone().into_string()).collect();
        self.roots.is_empty().then(tenants)
    }

    /// Lines of a key file with the session keys of these connections' tenants: of each every key, in the ring's order.
    pub(super) fn derive(&self, connections: &[ConnectionKey]) -> Result<Zeroizing<String>, KeyError> {
        // Lines of the longest names, so that growing leaves no copy of a key behind.
        const LONGEST_LINE: usize = 512;
        let mut lines = Zeroizing::new(String::with_capacity(self.roots.len() * connections.len() * LONGEST_LINE));
        for line in self.keys.iter().flat_map(|key| connections.iter().filter_map(|of| key.derived_line(of))) {
            lines.push_str(&line);
            lines.push('\n');
        }
        if self.roots.is_empty() { Err(KeyError::NothingToDerive) } else { Ok(lines) }
    }

    /// The key that seals for a tenant, with its id; `None` if the ring has no key for it.
    pub(super) fn sealing(&self, purpose: Purpose, tenant: &str) -> Option<(KeyId, KeyBytes)> {
        let key = self.fitting(tenant).min().map(|place| &self.keys[place])?;
        Some((key.id, key.of(purpose, tenant)?))
    }

    /// The id of the key that seals for a tenant.
    pub(super) fn sealing_id(&self, tenant: &str) -> Option<KeyId> {
        self.fitting(tenant).min().map(|place| self.keys[place].id)
    }

    /// The key with this id for a tenant, if the ring has it.
    pub(super) fn opening(&self, id: KeyId, purpose: Purpose, tenant: &str) -> Option<KeyBytes> {
        let key = self.fitting(tenant).map(|place| &self.keys[place]).find(|key| key.id == id)?;
        key.of(purpose, tenant)
    }

    /// Whether the ring has any key for a tenant.
    pub(super) fn covers(&self, tenant: &str) -> bool {
        !self.roots.is_empty() || self.of_tenant.contains_key(tenant)
    }

    /// Whether the ring has a key with this id for a tenant.
    pub(super) fn knows(&self, id: KeyId, tenant: &str) -> bool {
        self.fitting(tenant).any(|place| self.keys[place].id == id)
    }

    /// Places of the keys that fit a tenant: those that fit all, then its own.
    fn fitting(&self, tenant: &str) -> impl Iterator<Item = usize> {
        self.roots.iter().chain(self.of_tenant.get(tenant).into_iter().flatten()).copied()
    }

    /// Whether a key could be taken for this one: same id, and a tenant in common.
    fn has(&self, key: &Key) -> bool {
        match &key.tenant {
            Some(tenant) => self.knows(key.id, tenant),
            None => self.ids.contains(&key.id),
        }
    }

    fn push(&mut self, key: Key) -> Result<(), KeyError> {
        let place = self.keys.len();
        if !self.ids.contains(&key.id) {
            if self.ids.len() == MAX_KEYS {
                return Err(KeyError::TooMany);
            }
            self.ids.push(key.id);
        }
        match &key.tenant {
            None => self.roots.push(place),
            Some(_) if place >= MAX_DERIVED => return Err(KeyError::TooManyDerived),
            Some(tenant) => self.of_tenant.entry(tenant.clone()).or_default().push(place),
        }
        self.keys.push(key);
        Ok(())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.ids).finish()
    }
}
