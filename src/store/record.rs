//! The clear part of a stored connection and the small values that guard it.

use std::fmt;
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::connection::{Cause, Generation, Status};
use crate::secret::Secret;

/// Milliseconds since the epoch by the store's own clock. Compared only with other times of the same store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreTime(pub u64);

impl StoreTime {
    /// Milliseconds from `earlier` to this time; zero if the clock went back.
    pub fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time so long before this one.
    pub fn before(self, ago: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This time and a wait.
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// How a connection earns tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// By a refresh token.
    RefreshToken,
    /// By an assertion that the app's private key signs for a user.
    JwtBearer,
    /// By the app's own credentials.
    ClientCredentials,
    /// By a user's name and password.
    Password,
    /// Not at all: an access token was imported alone.
    AccessToken,
}

impl GrantKind {
    /// Every kind, for metrics.
    pub const ALL: [Self; 5] =
        [Self::RefreshToken, Self::JwtBearer, Self::ClientCredentials, Self::Password, Self::AccessToken];

    /// The word used in the store, metrics and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RefreshToken => "refresh_token",
            Self::JwtBearer => "jwt_bearer",
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::AccessToken => "access_token",
        }
    }
}

/// Names a refresh token without giving it away: half of its SHA-256, in hex.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a refresh token.
    pub fn of(token: &Secret<String>) -> Self {
        let digest = Sha256::digest(token.expose().as_bytes());
        Self(HEXLOWER.encode(&digest[..16]))
    }

    /// The text as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one attempt at an exchange, so that a write repeated after a lost reply is known as done.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(String);

/// Names one process as the holder of leases.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owner(String);

macro_rules! random_id {
    ($type:ty) => {
        impl $type {
            /// A new random name.
            pub fn random() -> Self {
                let mut bytes = [0; 16];
                getrandom::fill(&mut bytes).expect("the operating system's random source works");
                Self(HEXLOWER.encode(&bytes))
            }

            /// The text as stored.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $type {
            fn from(stored: String) -> Self {
                Self(stored)
            }
        }
    };
}

random_id!(AttemptId);
random_id!(Owner);

/// An exchange that was about to be sent. Found open, it means that its outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The attempt.
    pub attempt: AttemptId,
    /// The refresh token that it was to spend.
    pub fingerprint: Fingerprint,
    /// When it was written, by the store's clock.
    pub at: StoreTime,
}

/// The clear part of a connection: what state it is in, and the version that compare-and-set looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its state.
    pub status: Status,
    /// Why it is not active.
    pub cause: Option<Cause>,
    /// Since when it is in this state, by the store's clock. Set by the store; a write that leaves status, cause and
    /// epoch as they are leaves it too.
    pub since: StoreTime,
    /// Which token it has.
    pub generation: Generation,
    /// When that generation was stored, by the store's clock. Set by the store; a write at the same generation leaves it.
    pub stored: StoreTime,
    /// Fingerprint of its present refresh token, if it has one.
    pub fingerprint: Option<Fingerprint>,
    /// The attempt that made this generation, if an exchange did and it was stored as soon as it was there: only then does
    /// [`Head::stored`] tell how old its session is.
    pub attempt: Option<AttemptId>,
    /// The app that it belongs to.
    pub app: String,
    /// How it earns tokens.
    pub grant: GrantKind,
    /// The shortest idle time after which a session of it was refused, in whole seconds: what is learned of its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<u32>,
}

impl Head {
    /// The head of an active connection that was just made. The store sets its times.
    pub fn new(generation: Generation, app: &str, grant: GrantKind, fingerprint: Option<Fingerprint>) -> Self {
        Self {
            status: Status::Active,
            cause: None,
            since: StoreTime(0),
            generation,
            stored: StoreTime(0),
            fingerprint,
            attempt: None,
            app: app.to_owned(),
            grant,
            idle: None,
        }
    }
}
