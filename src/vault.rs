//! The vault: seals what the store keeps, AES-256-GCM, always on. A ring of keys per purpose: the first seals, any
//! opens. Every sealed value is bound to its purpose, tenant and user, so that nothing can be moved between rows.

mod envelope;
mod ephemeral;
mod held_ring;
mod key;
mod key_file;
mod key_ring;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use envelope::Sealed;
pub use ephemeral::{EphemeralKey, OVERHEAD};
pub use held_ring::Reread;
pub use key::{KeyId, NotAKeyId, new_key_line};
pub use key_file::{FileRing, KeyFileError, retire};
pub use key_ring::{KeyError, KeyRing};

use self::held_ring::HeldRing;
use crate::connection::ConnectionKey;

/// What a sealed value is for. Each purpose has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Access tokens and where they may be sent.
    Session,
    /// Refresh tokens and how to use them.
    Grant,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 2] = [Self::Session, Self::Grant];

    /// The word that goes into key derivation and associated data, and into metrics and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Grant => "grant",
        }
    }
}

/// Why a sealed value cannot be opened, or a value not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No key of the ring has the id that the envelope names.
    #[error("sealed with a key that is not in the key file: {0}")]
    UnknownKey(KeyId),
    /// The ring has keys of other tenants only.
    #[error("the key file has no key for this tenant")]
    OtherTenant,
    /// Not an envelope, altered, or sealed for another connection or purpose. One variant, since telling these apart
    /// helps only a forger.
    #[error("does not open: altered, or sealed for another connection")]
    Forged,
    /// This process has no keys for the purpose.
    #[error("this process holds no keys for it")]
    NoKeys,
}

/// The key rings of this process. A sidecar that asks a hub has no grant keys. Rings that were read from files are read
/// again by [`Vault::reread`]; each operation works with one ring from its beginning to its end.
#[derive(Debug)]
pub struct Vault {
    session: HeldRing,
    grant: Option<HeldRing>,
}

impl Vault {
    /// A vault over the given rings, which stay as they are.
    pub fn new(session: KeyRing, grant: Option<KeyRing>) -> Self {
        Self { session: HeldRing::fixed(session), grant: grant.map(HeldRing::fixed) }
    }

    /// A vault over rings that were read from files.
    pub fn of_files(session: FileRing, grant: Option<FileRing>) -> Self {
        Self { session: HeldRing::of_file(session), grant: grant.map(HeldRing::of_file) }
    }

    /// Reads again each key file that has changed, and tells what came of it. A file that cannot be used leaves the ring
    /// as it is. Blocks for the time of reading.
    pub fn reread(&self) -> Vec<Reread> {
        let has_grant_keys = self.has_grant_keys();
        let rings = [(Purpose::Session, Some(&self.session)), (Purpose::Grant, self.grant.as_ref())];
        rings.into_iter().filter_map(|(purpose, held)| held?.reread(purpose, has_grant_keys)).collect()
    }

    /// How often a ring was replaced by [`Vault::reread`].
    pub fn replaced(&self) -> u64 {
        self.session.replaced() + self.grant.as_ref().map_or(0, HeldRing::replaced)
    }

    /// What is wrong with a key file that was found wrong when it was read again, and has not changed since.
    pub fn fault(&self) -> Option<String> {
        self.session.fault().or_else(|| self.grant.as_ref()?.fault())
    }

    /// Whether this process can open refresh tokens.
    pub fn has_grant_keys(&self) -> bool {
        self.grant.is_some()
    }

    /// Seals `plaintext` for one connection and purpose. Fails only when the process has no keys for purpose or tenant.
    pub fn seal(&self, purpose: Purpose, key: &ConnectionKey, plaintext: &[u8]) -> Result<Sealed, OpenError> {
        envelope::seal(&self.held(purpose)?.ring(), purpose, key, plaintext)
    }

    /// Opens what [`Vault::seal`] made for the same connection and purpose.
    pub fn open(
        &self,
        purpose: Purpose,
        key: &ConnectionKey,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        envelope::open(&self.held(purpose)?.ring(), purpose, key, sealed)
    }

    /// The same value under the key that seals now; `None` if it is under that one already.
    pub fn reseal(&self, purpose: Purpose, key: &ConnectionKey, sealed: &Sealed) -> Result<Option<Sealed>, OpenError> {
        let ring = self.held(purpose)?.ring();
        if sealed.key_id().is_some_and(|id| ring.sealing_id(key.tenant()) == Some(id)) {
            return Ok(None);
        }
        let plaintext = envelope::open(&ring, purpose, key, sealed)?;
        envelope::seal(&ring, purpose, key, &plaintext).map(Some)
    }

    /// The ids of a ring's keys, each once, in the order of the file: the first seals. Empty without keys for the
    /// purpose.
    pub fn key_ids(&self, purpose: Purpose) -> Vec<KeyId> {
        self.held(purpose).map(|held| held.ring().ids().to_vec()).unwrap_or_default()
    }

    /// The tenants whose sessions this process can open; `None` if it has keys for all.
    pub fn tenants(&self) -> Option<Vec<String>> {
        self.session.ring().tenants()
    }

    /// Whether this process has any session key for a tenant.
    pub fn covers(&self, tenant: &str) -> bool {
        self.session.ring().covers(tenant)
    }

    /// Whether a value of a tenant under the key `id` can be opened.
    pub fn knows(&self, purpose: Purpose, id: KeyId, tenant: &str) -> bool {
        self.held(purpose).is_ok_and(|held| held.ring().knows(id, tenant))
    }

    /// Lines of a key file for a process that serves the tenants of these connections only.
    pub fn derive_session_keys(&self, connections: &[ConnectionKey]) -> Result<Zeroizing<String>, KeyError> {
        self.session.ring().derive(connections)
    }

    /// The file that a ring was read from.
    pub fn file(&self, purpose: Purpose) -> Option<PathBuf> {
        self.held(purpose).ok()?.file().map(Path::to_owned)
    }

    fn held(&self, purpose: Purpose) -> Result<&HeldRing, OpenError> {
        match purpose {
            Purpose::Session => Ok(&self.session),
            Purpose::Grant => self.grant.as_ref().ok_or(OpenError::NoKeys),
        }
    }
}

#[cfg(test)]
mod tests;
