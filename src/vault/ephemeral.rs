//! A key that lives and dies with one value in this process: seals what must lie on a disk for a moment.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

/// Bytes that sealing adds to a block.
pub const OVERHEAD: usize = 16;

/// A random key that is never written anywhere. Blocks are sealed under their number, each number once.
pub struct EphemeralKey(Aes256Gcm);

impl EphemeralKey {
    /// A new random key.
    pub fn random() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut()).expect("the operating system's random source works");
        Self(Aes256Gcm::new_from_slice(key.as_ref()).expect("the key has 32 bytes"))
    }

    /// Seals block `number`. The caller never seals two different blocks under one number.
    pub fn seal(&self, number: u64, block: &[u8]) -> Vec<u8> {
        self.0.encrypt(&nonce(number), block).expect("blocks are far below the limit of AES-GCM")
    }

    /// Opens block `number`; `None` if it was altered.
    pub fn open(&self, number: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(&nonce(number), sealed).ok()
    }
}

fn nonce(number: u64) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::from(bytes)
}
