//! One key: a line of a key file. A root key makes the keys of all tenants; a derived key is the session key of one
//! tenant, from which nothing else can be had.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Purpose;
use super::envelope::push_prefixed;
use crate::connection::ConnectionKey;

const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;
/// Marks a derived key and names its form, so that no version takes it for a root key or for another form.
const DERIVED: &str = "derived-1";

/// The bytes of a key. In a box, so that moving a key leaves no copy of them behind.
pub(super) type KeyBytes = Box<Zeroizing<[u8; KEY_BYTES]>>;

/// Names a key: eight lower-case hex digits. Not a secret; every sealed value has one in the clear.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; ID_BYTES]);

/// A text that is not the id of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not the id of a key; an id has {ID_BYTES} characters of 0-9 and a-f, and stands before the : of a key line"
)]
pub struct NotAKeyId;

/// Why a line is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAKey {
    /// Neither form.
    Form,
    /// A derived key of a form that this version does not know.
    UnknownDerivation,
}

/// A key with its name, and for a derived one its tenant.
pub(super) struct Key {
    pub(super) id: KeyId,
    pub(super) tenant: Option<Box<str>>,
    bytes: KeyBytes,
}

impl KeyId {
    /// Reads an id.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        text.try_into().ok().map(Self).filter(|id| id.0.iter().all(is_hex))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for KeyId {
    type Err = NotAKeyId;
    fn from_str(text: &str) -> Result<Self, NotAKeyId> {
        Self::parse(text.as_bytes()).ok_or(NotAKeyId)
    }
}

impl TryFrom<String> for KeyId {
    type Error = NotAKeyId;
    fn try_from(text: String) -> Result<Self, NotAKeyId> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.as_str().to_owned()
    }
}

/// A new random key as one line of a key file, without the line's end.
pub fn new_key_line() -> Zeroizing<String> {
    let mut id = [0; ID_BYTES / 2];
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(&mut id).expect("the operating system's random source works");
    getrandom::fill(bytes.as_mut()).expect("the operating system's random source works");
    let id = u32::from_be_bytes(id);
    let secret = Zeroizing::new(BASE64.encode(bytes.as_ref()));
    Zeroizing::new(format!("{id:08x}:{}", secret.as_str()))
}

impl Key {
    /// Reads a line: `ID:BASE64`, or of a derived key `ID:derived-1:TENANT:BASE64`.
    pub(super) fn parse(line: &str) -> Result<Self, NotAKey> {
        let (id, rest) = line.split_once(':').ok_or(NotAKey::Form)?;
        let id = KeyId::parse(id.as_bytes()).ok_or(NotAKey::Form)?;
        let Some((form, rest)) = rest.split_once(':') else {
            return Ok(Self { id, tenant: None, bytes: decode(rest)? });
        };
        if form != DERIVED {
            return Err(if form.starts_with("derived-") { NotAKey::UnknownDerivation } else { NotAKey::Form });
        }
        let (tenant, secret) = rest.split_once(':').ok_or(NotAKey::Form)?;
        let tenant = ConnectionKey::decode(tenant).filter(|key| key.user().is_none()).ok_or(NotAKey::Form)?;
        Ok(Self { id, tenant: Some(tenant.tenant().into()), bytes: decode(secret)? })
    }

    /// The id that a line begins with, if it is a key's.
    pub(super) fn id_of(line: &str) -> Option<KeyId> {
        KeyId::parse(line.trim().split_once(':')?.0.as_bytes())
    }

    /// The key that seals for one tenant and purpose; `None` if it is another's. Every field is length-prefixed, so that
    /// two contexts never meet.
    pub(super) fn of(&self, purpose: Purpose, tenant: &str) -> Option<KeyBytes> {
        if let Some(own) = &self.tenant {
            return (**own == *tenant && purpose == Purpose::Session).then(|| self.bytes.clone());
        }
        let mut info = Vec::with_capacity(64);
        for field in ["orgpass/1", purpose.as_str(), tenant] {
            push_prefixed(&mut info, field.as_bytes());
        }
        let mut derived = empty();
        Hkdf::<Sha256>::new(None, self.bytes.as_ref().as_ref())
            .expand(&info, derived.as_mut().as_mut())
            .expect("32 bytes are a valid HKDF-SHA256 output length");
        Some(derived)
    }

    /// The line of the session key of one tenant; `None` for a key that is derived already.
    pub(super) fn derived_line(&self, connection: &ConnectionKey) -> Option<Zeroizing<String>> {
        if self.tenant.is_some() {
            return None;
        }
        let bytes = self.of(Purpose::Session, connection.tenant())?;
        let tenant = ConnectionKey::parse(connection.tenant(), None).expect("it is a tenant's name").encode();
        let secret = Zeroizing::new(BASE64.encode(bytes.as_ref().as_ref()));
        Some(Zeroizing::new(format!("{}:{DERIVED}:{tenant}:{}", self.id, secret.as_str())))
    }
}

fn empty() -> KeyBytes {
    Box::new(Zeroizing::new([0; KEY_BYTES]))
}

fn decode(secret: &str) -> Result<KeyBytes, NotAKey> {
    let decoded = Zeroizing::new(BASE64.decode(secret).map_err(|_| NotAKey::Form)?);
    if decoded.len() != KEY_BYTES {
        return Err(NotAKey::Form);
    }
    let mut bytes = empty();
    bytes.copy_from_slice(&decoded);
    Ok(bytes)
}
