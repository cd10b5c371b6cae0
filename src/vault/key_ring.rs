//! Key files: one key a line, `ID:BASE64` (32 bytes). The first key seals, any key opens, so that a rotation is a change
//! of the file's order.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Purpose;

const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;
const MAX_KEYS: usize = 64;

/// Keys of one purpose, in the order of the key file.
pub struct KeyRing {
    keys: Vec<Key>,
}

pub(super) struct Key {
    pub(super) id: String,
    secret: Zeroizing<[u8; KEY_BYTES]>,
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
    /// A line is not a key.
    #[error("line {0} is not a key; a line is ID:BASE64 as printed by: orgpass keys new")]
    Line(usize),
    /// Two keys have one id.
    #[error("line {0} repeats the id of an earlier key")]
    Repeated(usize),
}

/// A new random key as one line of a key file, without the line's end.
pub fn new_key_line() -> Zeroizing<String> {
    let mut id = [0; ID_BYTES / 2];
    let mut secret = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(&mut id).expect("the operating system's random source works");
    getrandom::fill(secret.as_mut()).expect("the operating system's random source works");
    let id = u32::from_be_bytes(id);
    let secret = Zeroizing::new(BASE64.encode(secret.as_ref()));
    Zeroizing::new(format!("{id:08x}:{}", secret.as_str()))
}

impl KeyRing {
    /// Parses a key file. Empty lines and lines that begin with `#` are skipped.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut keys: Vec<Key> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = Key::parse(line).ok_or(KeyError::Line(number))?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyError::Repeated(number));
            }
            if keys.len() == MAX_KEYS {
                return Err(KeyError::TooMany);
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self { keys })
    }

    /// The key that seals.
    pub(super) fn sealing(&self) -> &Key {
        &self.keys[0]
    }

    /// The key with this id, if the ring has it.
    pub(super) fn find(&self, id: &[u8]) -> Option<&Key> {
        self.keys.iter().find(|key| key.id.as_bytes() == id)
    }
}

impl Key {
    fn parse(line: &str) -> Option<Self> {
        let (id, secret) = line.split_once(':')?;
        if id.len() != ID_BYTES || !id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()) {
            return None;
        }
        let bytes = Zeroizing::new(BASE64.decode(secret).ok()?);
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return None;
        }
        secret.copy_from_slice(&bytes);
        Some(Self { id: id.to_owned(), secret })
    }

    /// The key for one tenant and purpose. Every field is length-prefixed, so that two contexts never meet.
    pub(super) fn derive(&self, purpose: Purpose, tenant: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        let mut info = Vec::with_capacity(64);
        for field in ["orgpass/1", purpose.as_str(), tenant] {
            super::envelope::push_prefixed(&mut info, field.as_bytes());
        }
        let mut derived = Zeroizing::new([0; KEY_BYTES]);
        Hkdf::<Sha256>::new(None, self.secret.as_ref())
            .expand(&info, derived.as_mut())
            .expect("32 bytes are a valid HKDF-SHA256 output length");
        derived
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}
