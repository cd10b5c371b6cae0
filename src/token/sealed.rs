//! What is inside the sealed parts of a record. Host and org are sealed with the token, so that nobody who can write
//! the store can point a genuine token elsewhere.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::connection::{ConnectionKey, Generation};
use crate::secret::Secret;
use crate::store::Fingerprint;
use crate::vault::{OpenError, Purpose, Sealed, Vault};

/// How many spent refresh tokens a record remembers.
const SPENT_KEPT: usize = 8;

/// A session: an access token and where it belongs.
#[derive(Clone, Debug)]
pub struct SessionSecret {
    /// Which token it is.
    pub generation: Generation,
    /// The access token.
    pub access_token: Secret<String>,
    /// The instance that it may be sent to.
    pub instance_url: String,
    /// The org's id, once known.
    pub org_id: Option<String>,
    /// The user's id, once known.
    pub user_id: Option<String>,
    /// When Salesforce issued it: milliseconds since the epoch by Salesforce's clock.
    pub issued_at: Option<u64>,
    /// How long it lives whatever use is made of it, in seconds, where introspection told.
    pub life: Option<u32>,
}

/// A grant: how the connection earns tokens.
#[derive(Clone, Debug)]
pub struct GrantSecret {
    /// The generation that it was stored with.
    pub generation: Generation,
    /// The refresh token, if there is one.
    pub refresh_token: Option<Secret<String>>,
    /// The user that assertions speak for, where the grant is one of assertions.
    pub username: Option<String>,
    /// The user's password and security token, where the grant is that.
    pub password: Option<Secret<String>>,
    /// The login host that the connection's exchanges go to.
    pub login_url: String,
    /// The org's id, once known.
    pub org_id: Option<String>,
    /// The user's id, once known.
    pub user_id: Option<String>,
    /// Fingerprints of the refresh tokens spent last, oldest first.
    pub spent: Vec<Fingerprint>,
    /// What was asked for when the org was connected, with spaces between, if it was connected by a flow.
    pub asked: Option<String>,
    /// What was granted then.
    pub granted: Option<String>,
}

/// Why the sealed part of a record cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It opens, and is not what this version writes.
    #[error("is not of a form that this version knows")]
    Form,
    /// It belongs to another generation than the record's clear part says.
    #[error("does not belong to the record's generation")]
    Generation,
}

// The wire forms borrow, so that no second copy of a token outlives the call (but where JSON had to escape it).
#[derive(Serialize, Deserialize)]
struct SessionWire<'a> {
    generation: Generation,
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    #[serde(borrow)]
    instance_url: Cow<'a, str>,
    #[serde(borrow)]
    org_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
    issued_at: Option<u64>,
    life: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct GrantWire<'a> {
    generation: Generation,
    #[serde(borrow)]
    refresh_token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    username: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    password: Option<Cow<'a, str>>,
    #[serde(borrow)]
    login_url: Cow<'a, str>,
    #[serde(borrow)]
    org_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
    spent: Vec<Fingerprint>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    asked: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    granted: Option<Cow<'a, str>>,
}

impl SessionSecret {
    /// Seals the session for its connection.
    pub fn seal(&self, vault: &Vault, key: &ConnectionKey) -> Result<Sealed, OpenError> {
        let wire = SessionWire {
            generation: self.generation,
            access_token: self.access_token.expose().into(),
            instance_url: self.instance_url.as_str().into(),
            org_id: self.org_id.as_deref().map(Cow::from),
            user_id: self.user_id.as_deref().map(Cow::from),
            issued_at: self.issued_at,
            life: self.life,
        };
        vault.seal(Purpose::Session, key, &to_json(&wire))
    }

    /// Opens a session and checks that it is the generation that the record's clear part names.
    pub fn open(
        vault: &Vault,
        key: &ConnectionKey,
        sealed: &Sealed,
        generation: Generation,
    ) -> Result<Self, RecordError> {
        let plain = vault.open(Purpose::Session, key, sealed)?;
        let wire: SessionWire<'_> = serde_json::from_slice(&plain).map_err(|_| RecordError::Form)?;
        if wire.generation != generation {
            return Err(RecordError::Generation);
        }
        Ok(Self {
            generation: wire.generation,
            access_token: Secret::new(wire.access_token.into_owned()),
            instance_url: wire.instance_url.into_owned(),
            org_id: wire.org_id.map(Cow::into_owned),
            user_id: wire.user_id.map(Cow::into_owned),
            issued_at: wire.issued_at,
            life: wire.life,
        })
    }
}

impl GrantSecret {
    /// Seals the grant for its connection.
    pub fn seal(&self, vault: &Vault, key: &ConnectionKey) -> Result<Sealed, OpenError> {
        let wire = GrantWire {
            generation: self.generation,
            refresh_token: self.refresh_token.as_ref().map(|token| token.expose().into()),
            username: self.username.as_deref().map(Cow::from),
            password: self.password.as_ref().map(|password| password.expose().into()),
            login_url: self.login_url.as_str().into(),
            org_id: self.org_id.as_deref().map(Cow::from),
            user_id: self.user_id.as_deref().map(Cow::from),
            spent: self.spent.clone(),
            asked: self.asked.as_deref().map(Cow::from),
            granted: self.granted.as_deref().map(Cow::from),
        };
        vault.seal(Purpose::Grant, key, &to_json(&wire))
    }

    /// Opens a grant and checks that it is the generation that the record's clear part names.
    pub fn open(
        vault: &Vault,
        key: &ConnectionKey,
        sealed: &Sealed,
        generation: Generation,
    ) -> Result<Self, RecordError> {
        let plain = vault.open(Purpose::Grant, key, sealed)?;
        let wire: GrantWire<'_> = serde_json::from_slice(&plain).map_err(|_| RecordError::Form)?;
        if wire.generation != generation {
            return Err(RecordError::Generation);
        }
        Ok(Self {
            generation: wire.generation,
            refresh_token: wire.refresh_token.map(|token| Secret::new(token.into_owned())),
            username: wire.username.map(Cow::into_owned),
            password: wire.password.map(|password| Secret::new(password.into_owned())),
            login_url: wire.login_url.into_owned(),
            org_id: wire.org_id.map(Cow::into_owned),
            user_id: wire.user_id.map(Cow::into_owned),
            spent: wire.spent,
            asked: wire.asked.map(Cow::into_owned),
            granted: wire.granted.map(Cow::into_owned),
        })
    }

    /// Fingerprints of the refresh tokens that are spent once this grant is replaced, its own among them.
    pub fn all_spent(&self) -> Vec<Fingerprint> {
        let mut spent = self.spent.clone();
        spent.extend(self.refresh_token.as_ref().map(Fingerprint::of));
        let surplus = spent.len().saturating_sub(SPENT_KEPT);
        spent.drain(..surplus);
        spent
    }

    /// The grant after its refresh token was replaced: the old one is remembered as spent.
    #[must_use]
    pub fn rotated(mut self, generation: Generation, new: Option<&Secret<String>>) -> Self {
        self.generation = generation;
        if let (Some(new), Some(old)) = (new, &self.refresh_token) {
            // Salesforce may hand back the same token where rotation is off.
            if Fingerprint::of(new) != Fingerprint::of(old) {
                self.spent.push(Fingerprint::of(old));
                let surplus = self.spent.len().saturating_sub(SPENT_KEPT);
                self.spent.drain(..surplus);
            }
            self.refresh_token = Some(new.clone());
        }
        self
    }
}

fn to_json(wire: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // Large enough for the longest JWT token, so that no reallocation leaves a copy behind.
    let mut json = Vec::with_capacity(16 * 1024);
    serde_json::to_writer(&mut json, wire).expect("texts and numbers serialize");
    let exact = Zeroizing::new(json.as_slice().to_vec());
    json.zeroize();
    exact
}
