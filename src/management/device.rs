//! Connecting without a browser on this machine: the person types a code into one anywhere.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Connected, DEFAULT_APP, InputFault, Management, NewConnection, Refusal};
use crate::connection::ConnectionKey;
use crate::oauth::{self, DEVICE_CODE_LIFE, DeviceCode, DevicePoll, ExchangeError, Flow, TokenResponse};
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::scopes::Scopes;
use crate::salesforce::token_errors::TokenFailure;

/// Flows at one time; the oldest goes.
const MOST: usize = 64;

/// What a device flow is to be for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceRequest {
    /// The app that asks.
    pub app: Option<String>,
    /// What is asked for.
    pub scopes: Option<Vec<String>>,
    /// Any address of the org, if it is known where the user logs in.
    pub login_url: Option<String>,
}

/// What the person is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLogin {
    /// Names the flow when it is polled.
    pub id: u64,
    /// What to type.
    pub user_code: String,
    /// Where to type it.
    pub verification_uri: String,
    /// Seconds between polls.
    pub interval: u64,
    /// Seconds until the code is dead.
    pub expires_in: u64,
}

/// How a flow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// The person has not answered yet.
    Pending,
    /// Polls come too fast.
    SlowDown,
    /// The org is connected.
    Connected(Connected),
}

/// Flows that have begun. Their codes stay in this process.
#[derive(Debug, Default)]
pub(super) struct Devices(Mutex<HashMap<u64, Begun>>);

#[derive(Clone, Debug)]
struct Begun {
    key: ConnectionKey,
    app: String,
    login: LoginUrl,
    asked: Scopes,
    code: DeviceCode,
    at: Instant,
    /// What a poll brought, until it is the connection's: Salesforce issues it once.
    issued: Option<TokenResponse>,
}

impl Devices {
    fn all(&self) -> MutexGuard<'_, HashMap<u64, Begun>> {
        // Single inserts and removes, valid after any panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, begun: Begun) -> u64 {
        let id = getrandom::u64().expect("the operating system's random source works") >> 11;
        let mut all = self.all();
        all.retain(|_, begun| begun.at.elapsed() < DEVICE_CODE_LIFE);
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, begun)| begun.at).map(|(id, _)| *id);
            oldest.map(|oldest| all.remove(&oldest));
        }
        all.insert(id, begun);
        id
    }
}

impl Management {
    /// Begins a flow, for an app that the configuration allows it.
    pub async fn begin_device(&self, key: &ConnectionKey, request: &DeviceRequest) -> Result<DeviceLogin, Refusal> {
        if !self.vault.has_grant_keys() {
            return Err(Refusal::NoGrantKeys);
        }
        self.require_installation(key).await?;
        let input = |field: &str, why: &dyn std::fmt::Display| Refusal::Input(vec![InputFault::new(field, why)]);
        let name = request.app.clone().unwrap_or_else(|| DEFAULT_APP.to_owned());
        let app =
            self.apps.get(&name).ok_or_else(|| input("app", &"is not an app of the configuration, [apps.NAME]"))?;
        if !app.allow.contains(&Flow::Device) {
            return Err(input(
                "app",
                &format_args!("may not use the device flow: apps.{name}.allow does not have \"device\""),
            ));
        }
        let login = match &request.login_url {
            Some(text) => {
                LoginUrl::from_pasted(text, &self.trusted_hosts).map_err(|error| input("login_url", &error))?
            }
            None => app.login_url.clone(),
        };
        let asked = match &request.scopes {
            Some(words) => {
                Scopes::from_words(words.iter().map(String::as_str)).map_err(|error| input("scopes", &error))?
            }
            None => app.scopes.clone(),
        };
        let unavailable = |error: &dyn std::fmt::Display| Refusal::Unavailable { message: format!("{login}: {error}") };
        let connection = self.transport.one_shot(&login).await.map_err(|error| unavailable(&error))?;
        let code = oauth::begin_device(app, &asked, connection).await.map_err(|error| of_exchange(&error, &login))?;
        let (user_code, verification_uri) = (code.user_code.clone(), code.verification_uri.clone());
        let interval = code.interval.as_secs();
        let id = self.devices.add(Begun {
            key: key.clone(),
            app: name,
            login,
            asked,
            code,
            at: Instant::now(),
            issued: None,
        });
        Ok(DeviceLogin { id, user_code, verification_uri, interval, expires_in: DEVICE_CODE_LIFE.as_secs() })
    }

    /// The connection that a flow is for.
    pub(super) fn device_key(&self, id: u64) -> Option<ConnectionKey> {
        self.devices.all().get(&id).map(|begun| begun.key.clone())
    }

    /// Asks once whether the person has answered; connects if so.
    pub async fn poll_device(&self, id: u64) -> Result<DeviceState, Refusal> {
        let begun = self.devices.all().get(&id).cloned().ok_or(Refusal::NotConnected)?;
        let response = match begun.issued.clone() {
            Some(response) => response,
            None => match self.ask_device(id, &begun).await? {
                DevicePoll::Pending => return Ok(DeviceState::Pending),
                DevicePoll::SlowDown => return Ok(DeviceState::SlowDown),
                DevicePoll::Issued(response) => *response,
            },
        };
        let new = NewConnection { app: begun.app, login_url: begun.login, response, asked: begun.asked };
        let connected = match self.judge(&begun.key, &new, None).await {
            Ok(_) => self.connect(&begun.key, &new).await,
            Err(refusal) => Err(refusal),
        };
        // The store may have it or not: the next poll tries again with what Salesforce has issued.
        if connected.as_ref().is_err_and(Refusal::is_passing) {
            return connected.map(DeviceState::Connected);
        }
        self.devices.all().remove(&id);
        if connected.is_err()
            && let Err(error) = self.discard(&new.login_url, &new.response).await
        {
            tracing::warn!(connection = %begun.key, error, "an authorization that nobody uses could not be revoked");
        }
        connected.map(DeviceState::Connected)
    }

    /// Asks the login host once. What it issues is kept with the flow.
    async fn ask_device(&self, id: u64, begun: &Begun) -> Result<DevicePoll, Refusal> {
        let app = self.apps.get(&begun.app).ok_or(Refusal::NotConnected)?;
        let credentials = app.web_credentials().map_err(|error| Refusal::Failed { message: error.to_string() })?;
        let login = &begun.login;
        let unavailable = |error: &dyn std::fmt::Display| Refusal::Unavailable { message: format!("{login}: {error}") };
        let connection = self.transport.one_shot(login).await.map_err(|error| unavailable(&error))?;
        let secret = credentials.client_secret.as_ref();
        let polled = oauth::poll_device(app, secret, &begun.code.device_code, connection).await;
        match polled {
            Ok(DevicePoll::Issued(response)) => {
                if let Some(begun) = self.devices.all().get_mut(&id) {
                    begun.issued = Some((*response).clone());
                }
                Ok(DevicePoll::Issued(response))
            }
            Ok(unanswered) => Ok(unanswered),
            Err(error) => {
                let refusal = of_exchange(&error, login);
                if !refusal.is_passing() {
                    self.devices.all().remove(&id);
                }
                Err(refusal)
            }
        }
    }
}

/// Polls go on for this long at most.
pub const DEVICE_PATIENCE: Duration = DEVICE_CODE_LIFE;

fn of_exchange(error: &ExchangeError, login: &LoginUrl) -> Refusal {
    match error {
        ExchangeError::Answered(TokenFailure::Refused(cause)) => Refusal::Refused(*cause),
        ExchangeError::Answered(TokenFailure::RateLimited) => Refusal::RateLimited,
        _ => Refusal::Unavailable { message: format!("{login}: {error}") },
    }
}
