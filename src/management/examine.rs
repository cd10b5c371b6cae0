//! Examine: is an app what its login host takes it for, and what may a connection's session do? Nothing is spent or changed.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{Management, Refusal};
use crate::connection::{Cause, ConnectionKey};
use crate::oauth::{self, ApiAccess, App, Earn, ExchangeError};
use crate::salesforce::hosts::{InstanceUrl, LoginUrl};
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;

/// No refresh token of anybody: an app that is known is told that it is dead.
const MADE_UP_TOKEN: &str = "5Aep861.orgpass.doctor.made.up";
/// No user of anybody.
const MADE_UP_USER: &str = "orgpass-doctor@made.up.invalid";

/// What a login host made of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppFound {
    /// It is known, and what it proves itself with is right.
    Accepted,
    /// It is refused.
    Refused(Cause),
    /// What it proves itself with cannot be read.
    Unreadable(String),
    /// The host gave no answer that tells.
    Unclear(String),
}

/// What the REST API made of a connection's session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiFound {
    /// It is accepted: calls used and allowed in 24 hours, if the org says.
    Accepted(Option<(u64, u64)>),
    /// It is refused, with Salesforce's code.
    Refused(Option<String>),
}

impl Management {
    /// Asks an app's login host whether it knows the app, by an exchange that nobody can succeed with.
    pub async fn examine_app(&self, app: &App) -> AppFound {
        let token = Secret::new(MADE_UP_TOKEN.to_owned());
        let by_assertion = app.client_secret.is_none() && app.private_key.is_some();
        let earn = if by_assertion { Earn::JwtBearer { username: MADE_UP_USER } } else { Earn::RefreshToken(&token) };
        let credentials = match app.credentials(earn) {
            Ok(credentials) => credentials,
            Err(error) => return AppFound::Unreadable(error.to_string()),
        };
        let connection = match self.transport.one_shot(&app.login_url).await {
            Ok(connection) => connection,
            Err(error) => return AppFound::Unclear(error.to_string()),
        };
        match oauth::exchange(app, &credentials, &app.login_url, earn, connection).await {
            Err(ExchangeError::Answered(TokenFailure::Refused(cause))) => match cause {
                Cause::Revoked | Cause::AppNotApproved | Cause::LoginRefused => AppFound::Accepted,
                cause => AppFound::Refused(cause),
            },
            Err(error) => AppFound::Unclear(error.to_string()),
            Ok(_) => AppFound::Unclear("a token was issued for nothing".to_owned()),
        }
    }

    /// What time it is at a login host. The error says what of name, connection and TLS failed.
    pub async fn time_at(&self, login: &LoginUrl) -> Result<Option<SystemTime>, String> {
        let connection = self.transport.one_shot(login).await.map_err(|error| error.to_string())?;
        oauth::server_time(connection).await.map_err(|error| error.to_string())
    }

    /// Asks a connection's org what its present session may do. Exchanges nothing.
    pub async fn examine(&self, key: &ConnectionKey) -> Result<ApiFound, Refusal> {
        let stored = self.exchanger.load(key).await?.ok_or(Refusal::NotConnected)?;
        let instance = InstanceUrl::parse(&stored.session.instance_url, &self.trusted_hosts)
            .map_err(|_| Refusal::Refused(Cause::HostNotAllowed))?;
        let unavailable = |error: &dyn std::fmt::Display| Refusal::Unavailable { message: error.to_string() };
        let connection =
            self.transport.one_shot(&LoginUrl::from(instance)).await.map_err(|error| unavailable(&error))?;
        let access = oauth::api_access(&stored.session.access_token, connection).await;
        Ok(match access.map_err(|error| unavailable(&error))? {
            ApiAccess::Accepted(limits) => {
                ApiFound::Accepted(limits.map(|limits| (limits.org.used, limits.org.allowed)))
            }
            ApiAccess::Refused(code) => ApiFound::Refused(code.map(|code| code.to_string())),
        })
    }
}
