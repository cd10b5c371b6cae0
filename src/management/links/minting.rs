//! Minting: a link for one connection, checked before anybody sees it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Link, LinkId, LinkSettings, Stage, life_of, sealed, unix_now};
use crate::connection::{ConnectionKey, Status};
use crate::management::{DEFAULT_APP, InputFault, Management, Refusal};
use crate::oauth::OWN_APP;
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::scopes::Scopes;
use crate::store::DocumentWhen;

/// Longest life of a link: who is asked by mail may take days.
const MAX_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const MIN_LIFE: Duration = Duration::from_secs(1);

/// What a link is to be for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkRequest {
    /// The app that asks; by default the connection's, else the tenant's own, else `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// What is asked for; by default what the app's configuration says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Where the user is to log in, if that is known: any address of the org.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_url: Option<String>,
    /// Where the browser is led at the end; allowed by `hub.return_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_to: Option<String>,
    /// For how many seconds it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

/// A link that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintedLink {
    /// The address to open, once.
    pub url: String,
    /// Until when it is good: seconds since 1970.
    pub expires_at: u64,
}

impl Management {
    /// Makes a link by which this connection can be connected, or connected again.
    pub async fn mint_link(&self, key: &ConnectionKey, request: &LinkRequest) -> Result<MintedLink, Refusal> {
        let settings = self.links.as_ref().ok_or(Refusal::NoHub)?;
        if !self.vault.has_grant_keys() {
            return Err(Refusal::NoGrantKeys);
        }
        let link = self.new_link(key, request, settings).await?;
        let (id, expires_at) = (&link.id, link.expires);
        let bytes = sealed::seal(&self.vault, &link).map_err(|_| Refusal::NoGrantKeys)?;
        self.store.put_document(&id.document(), &bytes, DocumentWhen::Absent, Some(life_of(&link))).await?;
        Ok(MintedLink { url: format!("{}/connect/{}", settings.public_url, id.as_str()), expires_at })
    }

    /// Whether a user may be connected: `hub.users_need_installation` may want the tenant itself first.
    pub async fn require_installation(&self, key: &ConnectionKey) -> Result<(), Refusal> {
        if key.user().is_none() || !self.links.as_ref().is_some_and(|links| links.users_need_installation) {
            return Ok(());
        }
        let installation = ConnectionKey::parse(key.tenant(), None).expect("the tenant's name was parsed before");
        let row = self.store.read(&installation).await?;
        match row.map(|row| row.head.status) {
            Some(Status::Active | Status::Checking | Status::Misconfigured) => Ok(()),
            Some(Status::Pending | Status::Reauthorize | Status::Disconnected) | None => {
                Err(Refusal::InstallationNeeded)
            }
        }
    }

    async fn new_link(
        &self,
        key: &ConnectionKey,
        request: &LinkRequest,
        settings: &LinkSettings,
    ) -> Result<Link, Refusal> {
        self.require_installation(key).await?;
        let known = match self.store.read_record(key).await? {
            None => None,
            Some(record) => {
                let grant = self.open_grant(key, &record)?;
                Some((record.head.app, LoginUrl::parse(&grant.login_url, &self.trusted_hosts).ok()))
            }
        };
        let (known_app, known_login) = known.unzip();
        let (app, found) = match request.app.clone().or(known_app) {
            Some(app) => (app.clone(), self.app_of(key, &app).await?),
            None => match self.app_of(key, OWN_APP).await? {
                Some(own) => (OWN_APP.to_owned(), Some(own)),
                None => (DEFAULT_APP.to_owned(), self.app_of(key, DEFAULT_APP).await?),
            },
        };
        let mut faults = Vec::new();
        let mut fault = |key: &str, why: &dyn std::fmt::Display| faults.push(InputFault::new(key, why));
        if found.is_none() {
            fault("app", &"is neither an app of the configuration, [apps.NAME], nor the tenant's own");
        }
        let asked = match (&request.scopes, &found) {
            (Some(words), _) => Scopes::from_words(words.iter().map(String::as_str))
                .map_err(|error| fault("scopes", &error))
                .unwrap_or_default(),
            (None, Some(app)) => app.scopes.clone(),
            (None, None) => Scopes::default(),
        };
        let login = match &request.login_url {
            Some(text) => {
                LoginUrl::from_pasted(text, &self.trusted_hosts).map_err(|error| fault("login_url", &error)).ok()
            }
            None => known_login.flatten(),
        };
        if request.return_to.as_ref().is_some_and(|to| !settings.return_to.iter().any(|known| known.allows(to))) {
            fault("return_to", &"is not below an address of hub.return_to in the configuration");
        }
        let life = request.expires_in.map_or(settings.life, Duration::from_secs);
        if !(MIN_LIFE..=MAX_LIFE).contains(&life) {
            fault("expires_in", &"must be from 1 to 604800 seconds");
        }
        if !faults.is_empty() {
            return Err(Refusal::Input(faults));
        }
        Ok(Link {
            id: LinkId::random(),
            key: key.clone(),
            app,
            asked,
            login,
            return_to: request.return_to.clone(),
            expires: unix_now() + life.as_secs(),
            browser: None,
            stage: Stage::Open(None),
        })
    }
}
