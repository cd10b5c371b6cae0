//! Check: is the connection good right now? Asks the org with the present session, and exchanges only if that is dead,
//! or if the connection is misconfigured in a way that only an exchange can find mended. A hub looks in the same way,
//! on its own account and when a process without grant keys says that an org refuses a new token.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConnectionView, Management, Refusal};
use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::oauth::{self, UserInfo};
use crate::salesforce::ErrorCode;
use crate::salesforce::hosts::{InstanceUrl, LoginUrl};
use crate::salesforce::identity::Id;
use crate::store::{GrantKind, Head};
use crate::token::{Obtained, SessionSecret, Want};

/// How a check found the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionFound {
    /// Alive.
    Alive,
    /// Dead or missing, and exchanged for one that is alive.
    Renewed,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The session.
    pub session: SessionFound,
    /// The org's id, as the org says.
    pub org_id: String,
    /// The user's id, as the org says.
    pub user_id: String,
    /// The connection after the check.
    pub connection: ConnectionView,
}

/// A look finds whose session it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The session.
    pub session: SessionFound,
    /// The org, as it says itself.
    pub org: Id,
    /// The user, as the org says.
    pub user: Id,
}

/// A token that is found dead longer after it was stored may have lived until then.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(2 * 60);

impl Management {
    /// Checks a connection and sets its status to what was found. A refusal names the cause.
    pub async fn check(&self, key: &ConnectionKey) -> Result<Checked, Refusal> {
        let found = self.look(key).await?;
        let connection = self.show(key).await?;
        let (org_id, user_id) = (found.org.to_string(), found.user.to_string());
        Ok(Checked { session: found.session, org_id, user_id, connection })
    }

    /// As [`Management::check`], without a view of the connection.
    pub async fn look(&self, key: &ConnectionKey) -> Result<Found, Refusal> {
        let stored = self.exchanger.load(key).await?;
        let want = stored.as_ref().map_or(Want::Any, |stored| Want::After(stored.session.generation));
        if let Some(stored) = stored.filter(|stored| !needs_exchange(&stored.head)) {
            match self.ask(&stored.session).await? {
                UserInfo::Alive { org, user, .. } => {
                    return self.note_alive(key, SessionFound::Alive, &stored, org, user).await;
                }
                UserInfo::Dead => {}
                UserInfo::Refused(code) => return Err(refused_to_say(code)),
            }
        }
        let renewed = self.next_generation(key, want).await?;
        match self.ask(&renewed.session).await? {
            UserInfo::Alive { org, user, .. } => self.note_alive(key, SessionFound::Renewed, &renewed, org, user).await,
            UserInfo::Dead => self.refuse(key, renewed.session.generation, Cause::FreshTokenRefused).await,
            UserInfo::Refused(code) => Err(refused_to_say(code)),
        }
    }

    /// Sees whether an org really refuses `generation`, or accepts it again, and sets the status accordingly. Never
    /// exchanges, and does nothing if the connection has another generation by now.
    pub async fn confirm(&self, key: &ConnectionKey, generation: Generation) -> Result<(), Refusal> {
        let Some(row) = self.store.read(key).await? else { return Ok(()) };
        let stored = self.exchanger.load(key).await?;
        let Some(stored) = stored.filter(|stored| stored.head.generation == generation) else { return Ok(()) };
        let age = Duration::from_millis(row.now.millis_since(stored.head.stored));
        let is_new = stored.head.attempt.is_some() && age < CONFIRMED_WITHIN;
        match self.ask(&stored.session).await? {
            UserInfo::Alive { org, user, .. } => {
                self.note_alive(key, SessionFound::Alive, &stored, org, user).await?;
            }
            UserInfo::Dead if is_new && stored.head.status == Status::Active => {
                let cause = Cause::FreshTokenRefused;
                tracing::warn!(connection = %key, %cause, "the org refuses a new token");
                self.store.set_status(key, generation, cause.status(), Some(cause)).await?;
            }
            // Another answer does not tell whether the token was accepted.
            UserInfo::Dead | UserInfo::Refused(_) => {}
        }
        Ok(())
    }

    pub(super) async fn ask(&self, session: &SessionSecret) -> Result<UserInfo, Refusal> {
        let instance = InstanceUrl::parse(&session.instance_url, &self.trusted_hosts)
            .map_err(|_| Refusal::Refused(Cause::HostNotAllowed))?;
        let host = instance.host().to_owned();
        let unavailable = |error: &dyn std::fmt::Display| Refusal::Unavailable { message: format!("{host}: {error}") };
        let connection =
            self.transport.one_shot(&LoginUrl::from(instance)).await.map_err(|error| unavailable(&error))?;
        oauth::userinfo(&session.access_token, connection).await.map_err(|error| unavailable(&error))
    }

    async fn note_alive(
        &self,
        key: &ConnectionKey,
        session: SessionFound,
        obtained: &Obtained,
        org: Id,
        user: Id,
    ) -> Result<Found, Refusal> {
        let differs =
            |known: &Option<String>, now: &Id| known.as_deref().is_some_and(|id| Id::parse(id).as_ref() != Ok(now));
        if differs(&obtained.session.org_id, &org) || differs(&obtained.session.user_id, &user) {
            return self.refuse(key, obtained.session.generation, Cause::OrgMismatch).await;
        }
        // The other causes are about exchanges, of which an accepted call says nothing.
        if obtained.head.cause == Some(Cause::FreshTokenRefused) {
            self.store.set_status(key, obtained.session.generation, Status::Active, None).await?;
        }
        Ok(Found { session, org, user })
    }

    async fn refuse<T>(&self, key: &ConnectionKey, read: Generation, cause: Cause) -> Result<T, Refusal> {
        self.store.set_status(key, read, cause.status(), Some(cause)).await?;
        Err(Refusal::Refused(cause))
    }
}

/// A refused call is found mended by a call, everything else by an exchange. An access token alone has none.
fn needs_exchange(head: &Head) -> bool {
    head.status == Status::Misconfigured
        && head.cause != Some(Cause::FreshTokenRefused)
        && head.grant != GrantKind::AccessToken
}

fn refused_to_say(code: Option<ErrorCode>) -> Refusal {
    let code = code.map(|code| format!(": {code}")).unwrap_or_default();
    Refusal::Failed { message: format!("the org refuses to say whose session it is{code}") }
}
