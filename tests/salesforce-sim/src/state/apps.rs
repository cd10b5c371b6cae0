//! Apps: OAuth client registrations and their policies.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::World;
use crate::clock::{Millis, millis, optional_seconds, seconds};
use crate::ids;
use crate::oauth_error::OauthError;

const DAY: u64 = 24 * 60 * 60;

/// How an app is set up. The defaults are what Salesforce demands of partner apps since May 2026: PKCE,
/// rotation, and a refresh token that dies after 30 idle days.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppOptions {
    /// The consumer key; made up when `None`.
    pub client_id: Option<String>,
    /// The consumer secret; made up when `None`.
    pub client_secret: Option<String>,
    /// What the consent page calls it.
    pub name: String,
    /// Whether each refresh replaces the refresh token.
    pub rotation: bool,
    /// Whether authorization needs a code challenge.
    pub pkce_required: bool,
    /// Whether code and refresh grants need the client secret.
    pub secret_required: bool,
    /// The inactivity timeout of the app's sessions.
    #[serde(deserialize_with = "seconds")]
    pub session_timeout: Duration,
    /// The time after which a session ends however much it is used; `None` is never.
    #[serde(deserialize_with = "optional_seconds")]
    pub session_life: Option<Duration>,
    /// How long a refresh token lives unused; `None` is for ever.
    #[serde(deserialize_with = "optional_seconds")]
    pub refresh_idle_limit: Option<Duration>,
    /// Whether a refresh answers with the access token of a session that still lives, as users report
    /// of apps without rotation.
    pub reuse_live_session: bool,
    /// The registered callback URLs, compared exactly.
    pub callback_urls: Vec<String>,
    /// The scopes the app may ask for, and gets when it asks for none.
    pub scopes: Vec<String>,
    /// The certificate, as PEM, by which the app's assertions are judged; without one there is no JWT bearer
    /// flow. [`crate::AppKey`] has some.
    pub certificate: Option<String>,
    /// Whether the client credentials flow is switched on.
    pub client_credentials: bool,
    /// Whether the device flow is switched on.
    pub device_flow: bool,
    /// How long the device flow makes its callers wait between polls; whole seconds.
    #[serde(deserialize_with = "seconds")]
    pub device_interval: Duration,
    /// Issues JWT-based access tokens, which end after this time whatever use is made of them.
    #[serde(deserialize_with = "optional_seconds")]
    pub jwt_access_tokens: Option<Duration>,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self {
            client_id: None,
            client_secret: None,
            name: "A test's app".to_owned(),
            rotation: true,
            pkce_required: true,
            secret_required: true,
            session_timeout: Duration::from_secs(2 * 60 * 60),
            session_life: None,
            refresh_idle_limit: Some(Duration::from_secs(30 * DAY)),
            reuse_live_session: false,
            callback_urls: vec!["http://127.0.0.1:8182/oauth/callback".to_owned()],
            scopes: vec!["api".to_owned(), "refresh_token".to_owned()],
            certificate: None,
            client_credentials: false,
            device_flow: false,
            device_interval: Duration::from_secs(5),
            jwt_access_tokens: None,
        }
    }
}

/// A registered app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct App {
    /// The consumer key.
    pub client_id: String,
    /// The consumer secret.
    pub client_secret: String,
}

pub(crate) struct AppRecord {
    pub(crate) client_secret: String,
    /// Secrets that are as good, as while one is being replaced.
    pub(crate) more_secrets: Vec<String>,
    pub(crate) options: AppOptions,
    /// Users whom an admin has approved for the app.
    pub(crate) approved: HashSet<String>,
    /// By org, the user that the client credentials flow runs as.
    pub(crate) run_as: HashMap<String, String>,
}

impl AppRecord {
    pub(crate) fn session_timeout(&self) -> Millis {
        millis(self.options.session_timeout)
    }

    /// The scopes granted for a request's `scope` parameter.
    pub(crate) fn grant_scopes(&self, asked: Option<&str>) -> Result<String, OauthError> {
        let Some(asked) = asked.filter(|asked| !asked.trim().is_empty()) else {
            return Ok(self.options.scopes.join(" "));
        };
        // The two names mean the same scope.
        let plain = |scope: &str| match scope {
            "offline_access" => "refresh_token".to_owned(),
            other => other.to_owned(),
        };
        let granted: Vec<String> = asked.split_whitespace().map(plain).collect();
        let allowed = granted.iter().all(|scope| self.options.scopes.iter().any(|own| plain(own) == *scope));
        if allowed { Ok(granted.join(" ")) } else { Err(OauthError::INVALID_SCOPE) }
    }
}

impl World {
    pub(crate) fn create_app(&mut self, options: AppOptions) -> App {
        let client_id = options.client_id.clone().unwrap_or_else(ids::client_id);
        let client_secret = options.client_secret.clone().unwrap_or_else(ids::client_secret);
        self.secrets.push(client_secret.clone());
        let record = AppRecord {
            client_secret: client_secret.clone(),
            more_secrets: Vec::new(),
            options,
            approved: HashSet::new(),
            run_as: HashMap::new(),
        };
        self.apps.insert(client_id.clone(), record);
        App { client_id, client_secret }
    }

    /// Approves a user for an app, as an admin does.
    pub(crate) fn pre_approve(&mut self, client_id: &str, user_id: &str) {
        if let Some(app) = self.apps.get_mut(client_id) {
            app.approved.insert(user_id.to_owned());
        }
    }

    /// Names the user that the client credentials flow runs as in the user's org.
    pub(crate) fn run_as(&mut self, client_id: &str, user_id: &str) {
        let org_id = self.users[user_id].org_id.clone();
        if let Some(app) = self.apps.get_mut(client_id) {
            app.run_as.insert(org_id, user_id.to_owned());
        }
    }

    /// Gives an app one secret more.
    pub(crate) fn add_secret(&mut self, client_id: &str) -> String {
        let secret = ids::client_secret();
        self.secrets.push(secret.clone());
        let app = self.apps.get_mut(client_id).expect("an app of this simulator");
        app.more_secrets.push(secret.clone());
        secret
    }

    /// The app that these credentials prove, or Salesforce's refusal.
    pub(crate) fn authenticate_app(
        &self,
        client_id: &str,
        client_secret: Option<&str>,
    ) -> Result<&AppRecord, OauthError> {
        let app = self.apps.get(client_id).ok_or(OauthError::UNKNOWN_CLIENT)?;
        match client_secret {
            None if !app.options.secret_required => Ok(app),
            Some(secret) if secret == app.client_secret || app.more_secrets.iter().any(|more| more == secret) => {
                Ok(app)
            }
            _ => Err(OauthError::WRONG_SECRET),
        }
    }
}
