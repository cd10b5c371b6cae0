//! Remove: ends the authorization at Salesforce, then forgets the connection.

use serde::{Deserialize, Serialize};

use super::{MAX_PAGE, Management, Refusal};
use crate::connection::{ConnectionKey, Generation};
use crate::secret::Secret;
use crate::store::{Record, StoreError};
use crate::token::{OwnApp, SessionSecret};

/// What to do with a connection that cannot be revoked at Salesforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenNotRevoked {
    /// Keep it and say why.
    Keep,
    /// Forget it all the same; the authorization lives on at Salesforce until it expires or is revoked there.
    Forget,
}

/// What came of a removal. The connection is forgotten in every case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removed {
    /// Revoked at Salesforce.
    Revoked,
    /// Not revoked, for this reason.
    ForgottenOnly(String),
    /// There was no token to revoke.
    NothingToRevoke,
}

/// What came of removing everything of a tenant.
#[derive(Debug, Default)]
pub struct OffBoarded {
    /// Connections that are forgotten.
    pub removed: usize,
    /// Connections that are still there, with the reason.
    pub failed: Vec<(ConnectionKey, Refusal)>,
}

impl Management {
    /// Removes every connection of a tenant, its users' first, then the app that it brought. One that fails does not keep the others; the same again
    /// tries what is left.
    pub async fn remove_tenant(&self, tenant: &str, otherwise: WhenNotRevoked) -> Result<OffBoarded, Refusal> {
        let (mut outcome, mut cursor) = (OffBoarded::default(), None);
        loop {
            let page = self.store.list(Some(tenant), cursor.as_deref(), MAX_PAGE).await?;
            let keys = page.connections.into_iter().map(|(key, _)| key).chain(page.corrupt);
            for key in keys {
                match self.remove(&key, otherwise).await {
                    Ok(_) => outcome.removed += 1,
                    // Somebody else removed it meanwhile.
                    Err(Refusal::NotConnected) => {}
                    Err(refusal) => outcome.failed.push((key, refusal)),
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                if outcome.failed.is_empty() && self.vault.has_grant_keys() {
                    self.store.remove_document(&OwnApp::document(tenant), None).await?;
                }
                return Ok(outcome);
            }
        }
    }

    /// Revokes at Salesforce, then forgets.
    pub async fn remove(&self, key: &ConnectionKey, otherwise: WhenNotRevoked) -> Result<Removed, Refusal> {
        let lease = self.take_lease(key).await?;
        let removed = self.remove_under_lease(key, otherwise).await;
        self.give_back(lease).await;
        removed
    }

    async fn remove_under_lease(&self, key: &ConnectionKey, otherwise: WhenNotRevoked) -> Result<Removed, Refusal> {
        let (removed, at) = match self.store.read_record(key).await {
            Ok(None) => return Err(Refusal::NotConnected),
            Ok(Some(record)) => (self.revoke(key, &record).await, Some(record.head.generation)),
            Err(error @ StoreError::Corrupt(..)) => (Err(error.to_string()), None),
            Err(error) => return Err(error.into()),
        };
        let removed = match removed {
            Ok(removed) => removed,
            Err(why) if otherwise == WhenNotRevoked::Forget => Removed::ForgottenOnly(why),
            Err(why) => return Err(Refusal::NotRevoked { why }),
        };
        self.forget(key, at).await?;
        Ok(removed)
    }

    async fn forget(&self, key: &ConnectionKey, at: Option<Generation>) -> Result<(), Refusal> {
        // Nothing removed means that it was changed by somebody who does not heed the lease, or is gone already.
        if !self.store.remove(key, at).await? && self.store.read(key).await?.is_some() {
            return Err(Refusal::Busy);
        }
        Ok(())
    }

    /// Revokes the refresh token, and with it the sessions under it; without one, the access token.
    async fn revoke(&self, key: &ConnectionKey, record: &Record) -> Result<Removed, String> {
        let grant = self.open_grant(key, record).map_err(|refusal| refusal.to_string())?;
        let token = match grant.refresh_token {
            Some(token) => Some(token),
            None => self.access_token(key, record)?,
        };
        let Some(token) = token else { return Ok(Removed::NothingToRevoke) };
        self.revoke_at(&grant.login_url, &token).await?;
        Ok(Removed::Revoked)
    }

    fn access_token(&self, key: &ConnectionKey, record: &Record) -> Result<Option<Secret<String>>, String> {
        let Some(sealed) = &record.session else { return Ok(None) };
        let session = SessionSecret::open(&self.vault, key, sealed, record.head.generation);
        session.map(|session| Some(session.access_token)).map_err(|error| format!("the session {error}"))
    }
}
