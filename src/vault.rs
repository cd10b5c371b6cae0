//! The vault: seals what the store keeps, AES-256-GCM, always on. A ring of keys per purpose: the first seals, any
//! opens. Every sealed value is bound to its purpose, tenant and user, so that nothing can be moved between rows.

mod envelope;
mod ephemeral;
mod key_ring;

pub use envelope::Sealed;
pub use ephemeral::{EphemeralKey, OVERHEAD};
pub use key_ring::{KeyError, KeyRing, new_key_line};

use zeroize::Zeroizing;

use crate::connection::ConnectionKey;

/// What a sealed value is for. Each purpose has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Access tokens and where they may be sent.
    Session,
    /// Refresh tokens and how to use them.
    Grant,
}

impl Purpose {
    /// The word that goes into key derivation and associated data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Grant => "grant",
        }
    }
}

/// Why a sealed value cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No key of the ring has the id that the envelope names.
    #[error("sealed with a key that is not in the key file")]
    UnknownKey,
    /// Not an envelope, altered, or sealed for another connection or purpose. One variant, since telling these apart
    /// helps only a forger.
    #[error("does not open: altered, or sealed for another connection")]
    Forged,
    /// This process has no keys for the purpose.
    #[error("this process holds no keys for it")]
    NoKeys,
}

/// The key rings of this process. A sidecar that asks a hub has no grant keys.
#[derive(Debug)]
pub struct Vault {
    session: KeyRing,
    grant: Option<KeyRing>,
}

impl Vault {
    /// A vault over the given rings.
    pub fn new(session: KeyRing, grant: Option<KeyRing>) -> Self {
        Self { session, grant }
    }

    /// Whether this process can open refresh tokens.
    pub fn has_grant_keys(&self) -> bool {
        self.grant.is_some()
    }

    /// Seals `plaintext` for one connection and purpose. Fails only when the process has no keys for the purpose.
    pub fn seal(&self, purpose: Purpose, key: &ConnectionKey, plaintext: &[u8]) -> Result<Sealed, OpenError> {
        Ok(envelope::seal(self.ring(purpose)?, purpose, key, plaintext))
    }

    /// Opens what [`Vault::seal`] made for the same connection and purpose.
    pub fn open(
        &self,
        purpose: Purpose,
        key: &ConnectionKey,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        envelope::open(self.ring(purpose)?, purpose, key, sealed)
    }

    fn ring(&self, purpose: Purpose) -> Result<&KeyRing, OpenError> {
        match purpose {
            Purpose::Session => Ok(&self.session),
            Purpose::Grant => self.grant.as_ref().ok_or(OpenError::NoKeys),
        }
    }
}

#[cfg(test)]
mod tests;
