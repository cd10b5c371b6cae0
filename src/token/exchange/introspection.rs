//! Introspection: where an app allows it, Salesforce is asked how long a session lives that has just been earned. By then
//! the session is stored and in use; what is learned is added to the record, so that every process goes by it.

use super::{Exchanger, Obtained};
use crate::connection::ConnectionKey;
use crate::oauth::{self, OWN_APP};
use crate::salesforce::hosts::{InstanceUrl, LoginUrl};
use crate::store::Resealed;
use crate::token::SessionSecret;
use crate::token::lifetime::Life;

impl Exchanger {
    /// Whether it is new, the app may allow it, and the token does not say itself how long it lives.
    pub(in crate::token) fn may_introspect(&self, obtained: &Obtained) -> bool {
        let app = &obtained.head.app;
        let may_be_allowed = app == OWN_APP || self.parts().apps.get(app).is_some_and(|app| app.introspect);
        obtained.earned && may_be_allowed && Life::told(&obtained.session).is_none()
    }

    /// How long a session that was earned just now lives, in seconds, as Salesforce says, which is then in the record too.
    /// `None` if there is nothing to ask, or no answer: what fails is only worth a line in the log.
    pub async fn introspect(&self, key: &ConnectionKey, earned: &Obtained) -> Option<u32> {
        if !self.may_introspect(earned) {
            return None;
        }
        let session = &earned.session;
        let seconds = match self.ask_introspection(key, &earned.head.app, session).await {
            Ok(seconds) => seconds?,
            Err(error) => {
                tracing::info!(connection = %key, error, "Salesforce did not say how long the session lives");
                return None;
            }
        };
        if let Err(error) = self.remember_life(key, session, seconds).await {
            tracing::info!(connection = %key, error, "how long the session lives was not stored");
        }
        Some(seconds)
    }

    async fn ask_introspection(
        &self,
        key: &ConnectionKey,
        app: &str,
        session: &SessionSecret,
    ) -> Result<Option<u32>, String> {
        let parts = self.parts();
        let app = self.app_of(key, app).await.map_err(|error| error.to_string())?.ok_or("its app is gone")?;
        if !app.introspect {
            return Ok(None);
        }
        let secret = app.client_secret.as_ref().ok_or("its app has no secret")?.read().map_err(|e| e.to_string())?;
        // The org's own host knows its sessions, wherever they were earned.
        let org = InstanceUrl::parse(&session.instance_url, &parts.trusted_hosts).map_err(|error| error.to_string())?;
        let connection = parts.transport.one_shot(&LoginUrl::from(org)).await.map_err(|error| error.to_string())?;
        let life = oauth::introspect(&app, &secret, &session.access_token, connection).await;
        Ok(life.map_err(|error| error.to_string())?.and_then(|life| u32::try_from(life.as_secs()).ok()))
    }

    /// Seals the session anew with its life, unless it has been replaced meanwhile.
    async fn remember_life(&self, key: &ConnectionKey, session: &SessionSecret, seconds: u32) -> Result<(), String> {
        let parts = self.parts();
        let row = parts.store.read(key).await.map_err(|error| error.to_string())?;
        let Some(old) = row.filter(|row| row.head.generation == session.generation).and_then(|row| row.session) else {
            return Ok(());
        };
        let with_life = SessionSecret { life: Some(seconds), ..session.clone() };
        let new = with_life.seal(&parts.vault, key).map_err(|error| error.to_string())?;
        parts.store.reseal(key, Some(&Resealed { old, new }), None).await.map_err(|error| error.to_string())?;
        // So that others who have the session learn of it too.
        parts.store.announce(key).await.map_err(|error| error.to_string())
    }
}
