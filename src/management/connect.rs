//! Connect: an authorization that a person has just given becomes a connection, or takes the place of an older one. The new
//! one is stored first and the old one revoked after: a process that dies in between leaves an authorization at Salesforce
//! that nobody uses, which ends by the app's idle limit; the other order would leave none.

use serde::{Deserialize, Serialize};

use super::{Management, Refusal};
use crate::connection::{Cause, ConnectionKey, Generation};
use crate::oauth::{self, CodeVerifier, ExchangeError, TokenResponse, UserInfo, id_token, signature_fits};
use crate::salesforce::hosts::{InstanceUrl, LoginUrl};
use crate::salesforce::identity::{Id, Identity};
use crate::salesforce::scopes::Scopes;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::store::{Fingerprint, GrantKind, Head, NewRecord, Put, PutWhen};
use crate::token::{GrantSecret, SessionSecret};

/// An authorization as it came from a token endpoint, and what was asked for.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// The app that was consented to.
    pub app: String,
    /// Where the consent was given.
    pub login_url: LoginUrl,
    /// What Salesforce issued.
    pub response: TokenResponse,
    /// What was asked for.
    pub asked: Scopes,
}

/// What came of connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connected {
    /// There was no such connection.
    Created,
    /// It has the new authorization in place of the old one.
    Reconnected,
}

/// Whose authorization it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Org and user.
    pub identity: Identity,
    /// The user's name at Salesforce, if the org says.
    pub username: Option<String>,
}

/// Why a consent brought no authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotObtained {
    /// Salesforce has answered.
    Failed(TokenFailure),
    /// Something does not answer, or gave an answer that cannot be used.
    Unavailable(String),
    /// The app is not configured, or what it proves itself with cannot be read.
    App(String),
}

impl Management {
    /// Exchanges the code of a consent.
    pub async fn redeem(
        &self,
        key: &ConnectionKey,
        app: &str,
        login: &LoginUrl,
        code: &Secret<String>,
        verifier: &CodeVerifier,
        redirect_uri: &str,
    ) -> Result<TokenResponse, NotObtained> {
        let found = self.app_of(key, app).await.map_err(|refusal| match refusal.is_passing() {
            true => NotObtained::Unavailable(refusal.to_string()),
            false => NotObtained::App(refusal.to_string()),
        })?;
        let app = found.ok_or_else(|| NotObtained::App(format!("apps.{app} is not configured")))?;
        let credentials = app.web_credentials().map_err(|error| NotObtained::App(error.to_string()))?;
        let unavailable = |error: &dyn std::fmt::Display| NotObtained::Unavailable(format!("{login}: {error}"));
        let connection = self.transport.one_shot(login).await.map_err(|error| unavailable(&error))?;
        let redeemed = oauth::redeem(&app, &credentials, login, code, verifier, redirect_uri, connection).await;
        redeemed.map_err(|error| match error {
            ExchangeError::Answered(failure) => NotObtained::Failed(failure),
            ExchangeError::Lost(_) | ExchangeError::NotSent(_) => unavailable(&error),
        })
    }

    /// Whether an authorization may be used for this connection: signed, of an allowed host, and of the org (and for a
    /// user connection of the user) that the connection had before. An id token is checked whenever there is one, and must
    /// be there with `openid`.
    pub async fn judge(
        &self,
        key: &ConnectionKey,
        new: &NewConnection,
        nonce: Option<&str>,
    ) -> Result<Judged, Refusal> {
        let refused = |cause| Err(Refusal::Refused(cause));
        let response = &new.response;
        let app = self.app_of(key, &new.app).await?;
        let secret = app.as_ref().and_then(|app| app.client_secret.as_ref()?.read().ok());
        if secret.is_some_and(|secret| !signature_fits(response, &secret)) {
            return refused(Cause::SignatureWrong);
        }
        if InstanceUrl::parse(&response.instance_url, &self.trusted_hosts).is_err() {
            return refused(Cause::HostNotAllowed);
        }
        let Some(identity) = response.identity.clone() else { return refused(Cause::OrgMismatch) };
        let granted = response.scope.as_deref().and_then(|text| Scopes::parse(text).ok()).unwrap_or_default();
        match (&response.id_token, &app) {
            (Some(token), Some(app)) => {
                self.check_id_token(token, nonce, &app.client_id, &new.login_url, &identity).await?;
            }
            (None, _) if new.asked.contains("openid") && granted.contains("openid") => {
                tracing::warn!(connection = %key, "openid was granted, and no id token came");
                return refused(Cause::SignatureWrong);
            }
            _ => {}
        }
        if let Some(record) = self.store.read_record(key).await? {
            let known = self.open_grant(key, &record)?;
            refuse_another(key, &known, &identity)?;
        }
        let username = self.whose(response, &identity).await?;
        Ok(Judged { identity, username })
    }

    /// Asks the org itself whose session it is: the signature says nothing of the token. An org that does not say is
    /// believed for now; it is looked at again like every connection.
    async fn whose(&self, response: &TokenResponse, identity: &Identity) -> Result<Option<String>, Refusal> {
        let session = SessionSecret {
            generation: Generation::first(),
            access_token: response.access_token.clone(),
            instance_url: response.instance_url.clone(),
            org_id: None,
            user_id: None,
            issued_at: None,
            life: None,
        };
        match self.ask(&session).await {
            Ok(UserInfo::Alive { org, user, .. }) if org != identity.org || user != identity.user => {
                Err(Refusal::Refused(Cause::OrgMismatch))
            }
            Ok(UserInfo::Alive { username, .. }) => Ok(username),
            Ok(UserInfo::Dead) => Err(Refusal::Refused(Cause::FreshTokenRefused)),
            Ok(UserInfo::Refused(_)) => Ok(None),
            Err(error) => {
                tracing::debug!(%error, "the org did not say whose session it is");
                Ok(None)
            }
        }
    }

    async fn check_id_token(
        &self,
        token: &Secret<String>,
        nonce: Option<&str>,
        client_id: &str,
        login: &LoginUrl,
        identity: &Identity,
    ) -> Result<(), Refusal> {
        let unavailable = |error: &dyn std::fmt::Display| Refusal::Unavailable { message: format!("{login}: {error}") };
        let connection = self.transport.one_shot(login).await.map_err(|error| unavailable(&error))?;
        let keys = id_token::Keys::fetch(connection).await.map_err(|error| unavailable(&error))?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let expected = id_token::Expected { client_id, login, nonce, identity, now };
        keys.verify(token, &expected).map_err(|error| {
            tracing::warn!(%error, "an id token is not believed");
            Refusal::Refused(Cause::SignatureWrong)
        })
    }

    /// Makes the authorization the connection's. Whatever is refused has not been stored; who asked revokes it
    /// ([`Management::discard`]).
    pub async fn connect(&self, key: &ConnectionKey, new: &NewConnection) -> Result<Connected, Refusal> {
        if !self.vault.has_grant_keys() {
            return Err(Refusal::NoGrantKeys);
        }
        let lease = self.take_lease(key).await?;
        let connected = self.connect_under_lease(key, new).await;
        self.give_back(lease).await;
        let (connected, replaced) = connected?;
        if let Some(old) = replaced {
            // The connection is as it was asked for; what remains is tidying up.
            if let Err(error) = self.revoke_at(&old.login_url, &old.token).await {
                tracing::warn!(connection = %key, error, "the authorization before could not be revoked; it ends by its idle limit");
            }
        }
        Ok(connected)
    }

    async fn connect_under_lease(
        &self,
        key: &ConnectionKey,
        new: &NewConnection,
    ) -> Result<(Connected, Option<Replaced>), Refusal> {
        let identity = new.response.identity.clone().ok_or(Refusal::Refused(Cause::OrgMismatch))?;
        let found = match self.store.read_record(key).await? {
            None => None,
            Some(record) => {
                let grant = self.open_grant(key, &record)?;
                refuse_another(key, &grant, &identity)?;
                Some((record.head.generation, grant))
            }
        };
        let when = found.as_ref().map_or(PutWhen::Absent, |(generation, _)| PutWhen::At(*generation));
        let record = self.record_of(key, new, &identity, found.as_ref().map(|(_, grant)| grant))?;
        match self.store.put(key, &record, when).await? {
            Put::Conflict(_) => Err(Refusal::Busy),
            Put::Stored => {
                let connected = if found.is_some() { Connected::Reconnected } else { Connected::Created };
                let replaced = found.and_then(|(_, grant)| {
                    let token = grant.refresh_token?;
                    let is_same = Some(Fingerprint::of(&token)) == record.head.fingerprint;
                    (!is_same).then_some(Replaced { login_url: grant.login_url, token })
                });
                Ok((connected, replaced))
            }
        }
    }

    fn record_of(
        &self,
        key: &ConnectionKey,
        new: &NewConnection,
        identity: &Identity,
        before: Option<&GrantSecret>,
    ) -> Result<NewRecord, Refusal> {
        let (generation, response) = (Generation::first(), &new.response);
        let instance_url = InstanceUrl::parse(&response.instance_url, &self.trusted_hosts)
            .map_err(|_| Refusal::Refused(Cause::HostNotAllowed))?;
        let fingerprint = response.refresh_token.as_ref().map(Fingerprint::of);
        let (org_id, user_id) = (identity.org.to_string(), identity.user.to_string());
        let grant = GrantSecret {
            generation,
            refresh_token: response.refresh_token.clone(),
            username: None,
            password: None,
            login_url: new.login_url.to_string(),
            org_id: Some(org_id.clone()),
            user_id: Some(user_id.clone()),
            spent: before.map(GrantSecret::all_spent).unwrap_or_default(),
            asked: (!new.asked.is_empty()).then(|| new.asked.to_string()),
            granted: response.scope.clone(),
        };
        let session = SessionSecret {
            generation,
            access_token: response.access_token.clone(),
            instance_url: instance_url.to_string(),
            org_id: Some(org_id),
            user_id: Some(user_id),
            issued_at: response.issued_at.as_ref().and_then(|millis| millis.parse().ok()),
            life: None,
        };
        let no_keys = |_| Refusal::NoGrantKeys;
        let kind = if fingerprint.is_some() { GrantKind::RefreshToken } else { GrantKind::AccessToken };
        Ok(NewRecord {
            head: Head::new(generation, &new.app, kind, fingerprint),
            session: Some(session.seal(&self.vault, key).map_err(no_keys)?),
            grant: grant.seal(&self.vault, key).map_err(no_keys)?,
        })
    }

    /// Revokes an authorization that will not be used. Best effort: says why it failed.
    pub async fn discard(&self, login: &LoginUrl, response: &TokenResponse) -> Result<(), String> {
        let token = response.refresh_token.as_ref().unwrap_or(&response.access_token);
        self.revoke_at(&login.to_string(), token).await
    }

    pub(super) async fn revoke_at(&self, login_url: &str, token: &Secret<String>) -> Result<(), String> {
        let login =
            LoginUrl::parse(login_url, &self.trusted_hosts).map_err(|error| format!("its login host {error}"))?;
        let connection = self.transport.one_shot(&login).await.map_err(|error| error.to_string())?;
        oauth::revoke(token, connection).await.map_err(|error| error.to_string())
    }
}

/// The authorization that a connection had before.
struct Replaced {
    login_url: String,
    token: Secret<String>,
}

/// A connection stays with its org; a user's also with its Salesforce user.
fn refuse_another(key: &ConnectionKey, known: &GrantSecret, now: &Identity) -> Result<(), Refusal> {
    let differs =
        |known: &Option<String>, now: &Id| known.as_deref().is_some_and(|id| Id::parse(id).as_ref() != Ok(now));
    if differs(&known.org_id, &now.org) {
        let connected = known.org_id.clone().unwrap_or_default();
        return Err(Refusal::AnotherOrg { connected, given: now.org.to_string() });
    }
    if key.user().is_some() && differs(&known.user_id, &now.user) {
        return Err(Refusal::AnotherUser);
    }
    Ok(())
}
