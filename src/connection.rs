//! The words for a connection: its key (tenant, and for a user connection the user), the generation of its token, and
//! its status with one cause. Everything here is a parsed value; nothing does I/O.

mod cause;
mod local_token;

use std::fmt;
use std::hash::{Hash, Hasher};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

pub use cause::{Cause, Class};
pub use local_token::{LocalToken, LocalTokenError, UNKNOWN_ORG};

/// Longest tenant or user name, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Names one connection: the installation connection of a tenant, or with a user that user's connection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionKey {
    tenant: Box<str>,
    user: Option<Box<str>>,
}

/// A [`ConnectionKey`] borrowed from a request, for look-ups that allocate nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRef<'a> {
    tenant: &'a str,
    user: Option<&'a str>,
}

/// Why a tenant or user name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has no bytes. An empty name never means "the installation".
    #[error("is empty; leave it out or give 1 to {MAX_NAME_BYTES} visible ASCII characters")]
    Empty,
    /// The name is longer than [`MAX_NAME_BYTES`].
    #[error("is longer than {MAX_NAME_BYTES} bytes")]
    TooLong,
    /// The name has a byte outside visible ASCII.
    #[error("has a character outside visible ASCII (no spaces, no control or non-ASCII bytes)")]
    NotVisibleAscii,
}

/// Checks the rule that tenant and user names share: 1 to 128 bytes of visible ASCII.
pub fn parse_name(bytes: &[u8]) -> Result<&str, NameError> {
    if bytes.is_empty() {
        return Err(NameError::Empty);
    }
    if bytes.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong);
    }
    if !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(NameError::NotVisibleAscii);
    }
    std::str::from_utf8(bytes).map_err(|_| NameError::NotVisibleAscii)
}

impl ConnectionKey {
    /// Parses a tenant and an optional user name.
    pub fn parse(tenant: &str, user: Option<&str>) -> Result<Self, NameError> {
        Ok(KeyRef::parse(tenant.as_bytes(), user.map(str::as_bytes))?.to_owned())
    }

    /// The tenant's name.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The user's name; `None` for the installation connection.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The key as borrowed parts.
    pub fn as_ref(&self) -> KeyRef<'_> {
        KeyRef { tenant: &self.tenant, user: self.user() }
    }

    /// One canonical text for the key: tenant, and for a user connection `.` and the user, with every byte outside
    /// `[A-Za-z0-9]` written `_HH`. Used in store keys and in the local token.
    pub fn encode(&self) -> String {
        local_token::encode_key(self.as_ref())
    }

    /// Reads what [`ConnectionKey::encode`] wrote; any other spelling is refused.
    pub fn decode(text: &str) -> Option<Self> {
        local_token::decode_key(text.as_bytes()).ok()
    }
}

impl fmt::Display for ConnectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.user() {
            None => write!(f, "tenant {}", self.tenant),
            Some(user) => write!(f, "tenant {} user {user}", self.tenant),
        }
    }
}

impl fmt::Debug for ConnectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'a> KeyRef<'a> {
    /// Parses a tenant and an optional user name from a request's bytes.
    pub fn parse(tenant: &'a [u8], user: Option<&'a [u8]>) -> Result<Self, NameError> {
        Ok(Self { tenant: parse_name(tenant)?, user: user.map(parse_name).transpose()? })
    }

    /// The tenant's name.
    pub fn tenant(&self) -> &'a str {
        self.tenant
    }

    /// The user's name; `None` for the installation connection.
    pub fn user(&self) -> Option<&'a str> {
        self.user
    }

    /// An owned copy.
    pub fn to_owned(&self) -> ConnectionKey {
        ConnectionKey { tenant: self.tenant.into(), user: self.user.map(Into::into) }
    }
}

// Must hash exactly as `ConnectionKey` does, or borrowed look-ups miss.
impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tenant.hash(state);
        self.user.hash(state);
    }
}

/// Random and new at every connect, import and reconnect; generations count within it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Epoch(u64);

impl Epoch {
    /// A new random epoch.
    pub fn random() -> Self {
        Self(getrandom::u64().expect("the operating system's random source works"))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEXLOWER.encode_mut_str(&self.0.to_be_bytes(), &mut [0; 16]))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Epoch> for String {
    fn from(epoch: Epoch) -> Self {
        epoch.to_string()
    }
}

impl TryFrom<String> for Epoch {
    type Error = std::num::ParseIntError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        u64::from_str_radix(&text, 16).map(Self)
    }
}

/// Which token of a connection: the epoch of its authorization and a number that grows with each exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Generation {
    /// The authorization that the token belongs to.
    pub epoch: Epoch,
    /// Grows by one with each exchange that changed the connection; starts at 1.
    pub number: u64,
}

impl Generation {
    /// The first generation of a new authorization.
    pub fn first() -> Self {
        Self { epoch: Epoch::random(), number: 1 }
    }

    /// The generation that the next exchange makes.
    #[must_use]
    pub fn next(self) -> Self {
        Self { number: self.number + 1, ..self }
    }

    /// Whether `self` is a later generation of the same authorization as `other`.
    pub fn supersedes_in_epoch(self, other: Self) -> bool {
        self.epoch == other.epoch && self.number > other.number
    }

    /// A value from 0 to 255 that differs between generations at random: spreads work on many connections over time.
    pub fn jitter(self) -> u8 {
        self.epoch.0.wrapping_add(self.number.wrapping_mul(151)).to_le_bytes()[0]
    }

    /// Whether `self` replaces `other`: a new authorization always does, within one the larger number.
    pub fn supersedes(self, other: Self) -> bool {
        self.epoch != other.epoch || self.number > other.number
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With every call's line: piece by piece costs a third of `write!`.
        fmt::Display::fmt(&self.epoch, f)?;
        f.write_str(".")?;
        fmt::Display::fmt(&self.number, f)
    }
}

/// What state a connection is in, and so what the proxy does with its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Known, but nobody has consented yet.
    Pending,
    /// Calls are forwarded.
    Active,
    /// The outcome of an exchange is unknown; calls are forwarded while the access token lives.
    Checking,
    /// A person must consent again; no exchange is made.
    Reauthorize,
    /// An admin must change something; tried again later by itself.
    Misconfigured,
    /// Disconnected on purpose.
    Disconnected,
}

impl Status {
    /// Every status, for tables and metrics.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Active, Self::Checking, Self::Reauthorize, Self::Misconfigured, Self::Disconnected];

    /// The word used in the store, the API, metrics and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Checking => "checking",
            Self::Reauthorize => "reauthorize",
            Self::Misconfigured => "misconfigured",
            Self::Disconnected => "disconnected",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
