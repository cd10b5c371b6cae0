//! What is needed to send, checked before anything is dialled.

use std::sync::Arc;

use super::outcome::Waiting;
use super::procedure::{NotReady, Sends};
use super::{Exchanger, unopened};
use crate::connection::{Cause, ConnectionKey};
use crate::oauth::App;
use crate::salesforce::hosts::LoginUrl;
use crate::secret::Secret;
use crate::store::{GrantKind, Record};
use crate::token::GrantSecret;

/// Everything that one exchange sends with.
pub(super) struct Ready {
    pub(super) app: Arc<App>,
    pub(super) client_secret: Option<Secret<String>>,
    pub(super) login: LoginUrl,
    pub(super) grant: GrantSecret,
}

impl Ready {
    /// Opens and looks up what `record` needs.
    pub(super) fn of(exchanger: &Exchanger, key: &ConnectionKey, record: &Record) -> Result<Self, NotReady> {
        if exchanger.store_is_doubtful() {
            return Err(NotReady::Wait(Waiting::Store));
        }
        let parts = exchanger.parts();
        let grant = GrantSecret::open(&parts.vault, key, &record.grant, record.head.generation).map_err(|error| {
            // Says so in the log; callers learn that the record does not open.
            unopened(key, error);
            NotReady::Unreadable
        })?;
        let refused = NotReady::Refused;
        if record.head.grant == GrantKind::AccessToken {
            return Err(refused(Cause::NoGrant));
        }
        let app = parts.apps.get(&record.head.app).ok_or(refused(Cause::AppUnknown))?;
        let client_secret = app.client_secret.as_ref().map(|file| file.read()).transpose().map_err(|error| {
            tracing::error!(app = app.name, %error, "the app's client secret cannot be read");
            refused(Cause::AppSecretWrong)
        })?;
        let login =
            LoginUrl::parse(&grant.login_url, &parts.trusted_hosts).map_err(|_| refused(Cause::LoginHostWrong))?;
        Ok(Self { app: Arc::clone(app), client_secret, login, grant })
    }

    /// What the exchange sends, as far as it can be spent.
    pub(super) fn sends(&self) -> Sends {
        match self.grant.refresh_token {
            Some(_) => Sends::RefreshToken,
            None => Sends::Nothing,
        }
    }
}
