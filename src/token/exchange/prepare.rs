//! What is needed to send, checked before anything is dialled.

use std::sync::Arc;
use std::time::Instant;

use super::apps::Found;
use super::outcome::Waiting;
use super::procedure::{NotReady, Sends};
use super::{Exchanger, unopened, unreadable};
use crate::connection::{Cause, ConnectionKey};
use crate::oauth::{self, App, Credentials, CredentialsError, Earn, ExchangeError, TokenResponse};
use crate::salesforce::hosts::LoginUrl;
use crate::secret::Secret;
use crate::store::{GrantKind, Head, Record};
use crate::token::{AppError, GrantSecret, Held, HeldBy, Permit, TokenError, Unavailable};
use crate::transport::OneShot;

/// Everything that one exchange sends with.
pub(super) struct Ready {
    app: Arc<App>,
    /// What the breaker knows the app by.
    breaker: String,
    credentials: Credentials,
    kind: GrantKind,
    pub(super) login: LoginUrl,
    pub(super) grant: GrantSecret,
    /// Counts the exchange as in flight until it has ended.
    _permit: Permit,
}

impl Ready {
    /// Opens and looks up what `record` needs.
    pub(super) async fn of(exchanger: &Exchanger, key: &ConnectionKey, record: &Record) -> Result<Self, NotReady> {
        if exchanger.store_is_doubtful() {
            return Err(NotReady::Wait(Waiting::Store));
        }
        let vault = &exchanger.parts().vault;
        let grant = GrantSecret::open(vault, key, &record.grant, record.head.generation)
            .map_err(|error| NotReady::Fail(unopened(key, error)))?;
        Self::with_grant(exchanger, key, &record.head, grant).await
    }

    /// Looks up what this grant needs.
    pub(super) async fn with_grant(
        exchanger: &Exchanger,
        key: &ConnectionKey,
        head: &Head,
        grant: GrantSecret,
    ) -> Result<Self, NotReady> {
        let refused = NotReady::Refused;
        let earn = earn(head.grant, &grant).ok_or(refused(Cause::NoGrant))?;
        let parts = exchanger.parts();
        let found = exchanger.find_app(key, &head.app).await.map_err(|error| {
            NotReady::Fail(match error {
                AppError::Store(error) => unreadable(error),
                AppError::Unusable(error) => unopened(key, error),
            })
        })?;
        let Found { app, breaker } = found.ok_or(refused(Cause::AppUnknown))?;
        let credentials = app.credentials(earn).map_err(|error| {
            tracing::error!(%error, "an app cannot prove itself");
            refused(match error {
                CredentialsError::Secret(..) | CredentialsError::NoSecret(_) => Cause::AppSecretWrong,
                CredentialsError::Key(..) | CredentialsError::NoKey(_) => Cause::AppKeyWrong,
            })
        })?;
        let login =
            LoginUrl::parse(&grant.login_url, &parts.trusted_hosts).map_err(|_| refused(Cause::LoginHostWrong))?;
        let admitted = parts.breaker.admit(&breaker, login.host(), key, Instant::now());
        let permit = admitted.inspect_err(|held| {
            if matches!(held.by, HeldBy::Connection) {
                tracing::warn!(connection = %key, "as many exchanges as tokens.max_exchanges_per_hour allows; no more for now");
            }
        })?;
        Ok(Self { app, breaker, credentials, kind: head.grant, login, grant, _permit: permit })
    }

    /// What the exchange sends, as far as it can be spent.
    pub(super) fn sends(&self) -> Sends {
        if earns_without_spending(self.kind) { Sends::Nothing } else { Sends::RefreshToken }
    }

    /// Sends the one request.
    pub(super) async fn send(&self, connection: OneShot) -> Result<TokenResponse, ExchangeError> {
        let earn = earn(self.kind, &self.grant).expect("it was looked at when this was made");
        oauth::exchange(&self.app, &self.credentials, &self.login, earn, connection).await
    }

    /// What the breaker knows the app by that it is sent for.
    pub(super) fn breaker(&self) -> &str {
        &self.breaker
    }

    /// The secret that signs token responses, where the grant uses it.
    pub(super) fn client_secret(&self) -> Option<&Secret<String>> {
        self.credentials.client_secret.as_ref()
    }
}

impl From<Held> for NotReady {
    fn from(held: Held) -> Self {
        let fail = |reason| Self::Fail(TokenError::Unavailable { reason, retry_after: held.retry_after });
        match held.by {
            HeldBy::InFlight | HeldBy::Host => Self::Wait(Waiting::Turn),
            HeldBy::App(cause) => {
                tracing::debug!(%cause, "Salesforce refuses the app; nothing is exchanged for it at the moment");
                fail(Unavailable::App)
            }
            HeldBy::Connection => fail(Unavailable::Cap),
        }
    }
}

/// How a connection earns tokens; `None` if it has nothing to earn them with.
fn earn(kind: GrantKind, grant: &GrantSecret) -> Option<Earn<'_>> {
    match kind {
        GrantKind::RefreshToken => grant.refresh_token.as_ref().map(Earn::RefreshToken),
        GrantKind::JwtBearer => grant.username.as_deref().map(|username| Earn::JwtBearer { username }),
        GrantKind::ClientCredentials => Some(Earn::ClientCredentials),
        GrantKind::Password => {
            let (username, password) = (grant.username.as_deref()?, grant.password.as_ref()?);
            Some(Earn::Password { username, password })
        }
        GrantKind::AccessToken => None,
    }
}

/// Whether a grant may be used as often as one likes: nothing is used up by it.
pub(super) fn earns_without_spending(kind: GrantKind) -> bool {
    matches!(kind, GrantKind::JwtBearer | GrantKind::ClientCredentials | GrantKind::Password)
}
