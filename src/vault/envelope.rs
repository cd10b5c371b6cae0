//! The form of a sealed value: version, key id, nonce, ciphertext with tag. Associated data binds it to its place.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

use super::key::{KeyBytes, KeyId};
use super::key_ring::KeyRing;
use super::{OpenError, Purpose};
use crate::connection::ConnectionKey;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// A sealed value as the store keeps it. Its `Debug` shows only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Takes bytes read from a store; whether they are an envelope is found out when they are opened.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The id of the key that it names, which is in the clear and not authentic before it is opened. `None` if it is
    /// not an envelope of this version.
    pub fn key_id(&self) -> Option<KeyId> {
        parse(&self.0).map(|(id, ..)| id)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[sealed, {} bytes]", self.0.len())
    }
}

/// Appends a field with its length in front, so that a list of fields has one reading only.
pub(super) fn push_prefixed(out: &mut Vec<u8>, field: &[u8]) {
    let length = u32::try_from(field.len()).expect("names and ids are far below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(field);
}

pub(super) fn seal(
    ring: &KeyRing,
    purpose: Purpose,
    place: &ConnectionKey,
    plaintext: &[u8],
) -> Result<Sealed, OpenError> {
    let (id, key) = ring.sealing(purpose, place.tenant()).ok_or(OpenError::OtherTenant)?;
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).expect("the operating system's random source works");
    let aad = associated_data(id, purpose, place);
    let payload = Payload { msg: plaintext, aad: &aad };
    let ciphertext =
        cipher(&key).encrypt(&Nonce::from(nonce), payload).expect("plaintexts are far below the limit of AES-GCM");
    let id = id.as_str();
    let mut bytes = Vec::with_capacity(2 + id.len() + NONCE_BYTES + ciphertext.len());
    bytes.push(VERSION);
    bytes.push(u8::try_from(id.len()).expect("key ids have 8 characters"));
    bytes.extend_from_slice(id.as_bytes());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&ciphertext);
    Ok(Sealed(bytes))
}

pub(super) fn open(
    ring: &KeyRing,
    purpose: Purpose,
    place: &ConnectionKey,
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (id, nonce, ciphertext) = parse(&sealed.0).ok_or(OpenError::Forged)?;
    let missing = || if ring.covers(place.tenant()) { OpenError::UnknownKey(id) } else { OpenError::OtherTenant };
    let key = ring.opening(id, purpose, place.tenant()).ok_or_else(missing)?;
    let aad = associated_data(id, purpose, place);
    let payload = Payload { msg: ciphertext, aad: &aad };
    cipher(&key).decrypt(&Nonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| OpenError::Forged)
}

/// Key id, nonce and ciphertext with tag.
fn parse(bytes: &[u8]) -> Option<(KeyId, &[u8; NONCE_BYTES], &[u8])> {
    let [VERSION, id_length, rest @ ..] = bytes else { return None };
    let (id, rest) = rest.split_at_checked(usize::from(*id_length))?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>()?;
    Some((KeyId::parse(id)?, nonce, ciphertext)).filter(|_| ciphertext.len() >= TAG_BYTES)
}

fn cipher(key: &KeyBytes) -> Aes256Gcm {
    Aes256Gcm::new_from_slice(key.as_ref().as_ref()).expect("keys have 32 bytes")
}

fn associated_data(key_id: KeyId, purpose: Purpose, place: &ConnectionKey) -> Vec<u8> {
    let mut aad = vec![VERSION];
    push_prefixed(&mut aad, key_id.as_str().as_bytes());
    push_prefixed(&mut aad, purpose.as_str().as_bytes());
    push_prefixed(&mut aad, place.tenant().as_bytes());
    // A missing user and an empty one must not read the same, whatever the name rules say.
    match place.user() {
        None => aad.push(0),
        Some(user) => {
            aad.push(1);
            push_prefixed(&mut aad, user.as_bytes());
        }
    }
    aad
}
