//! Apps that tenants bring: a tenant's connections can be made under its own client, with its own name on the pages. What is
//! secret of an app goes in and never comes out.

mod document;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use document::AppDocument;

use super::{MAX_PAGE, Management, Refusal};
use crate::connection::{ConnectionKey, Status};
use crate::oauth::{App, Logo, OWN_APP};
use crate::store::DocumentWhen;
use crate::token::{AppError, OwnApp, Want};

/// An app without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppView {
    /// The consumer key.
    pub client_id: String,
    /// Whether there is a consumer secret.
    pub has_client_secret: bool,
    /// Whether there is a private key.
    pub has_private_key: bool,
    /// Where users log in.
    pub login_url: String,
    /// Where users of sandboxes log in.
    pub sandbox_login_url: String,
    /// What is asked for unless a link says otherwise.
    pub scopes: Vec<String>,
    /// What people know it by.
    pub name: String,
    /// The logo, as a `data:` URI.
    pub logo: Option<String>,
    /// The colour of buttons.
    pub accent: Option<String>,
    /// Whether new sessions are introspected.
    pub introspect: bool,
}

impl AppView {
    fn of(app: &App) -> Self {
        Self {
            client_id: app.client_id.clone(),
            has_client_secret: app.client_secret.is_some(),
            has_private_key: app.private_key.is_some(),
            login_url: app.login_url.to_string(),
            sandbox_login_url: app.sandbox_login_url.to_string(),
            scopes: app.scopes.iter().map(str::to_owned).collect(),
            name: app.brand.name.clone(),
            logo: app.brand.logo.as_ref().map(Logo::data_uri),
            accent: app.brand.accent.map(|accent| accent.to_string()),
            introspect: app.introspect,
        }
    }
}

impl Management {
    /// The app of this name, as a connection of this tenant means it.
    pub async fn app_of(&self, key: &ConnectionKey, name: &str) -> Result<Option<Arc<App>>, Refusal> {
        if name == OWN_APP && !self.vault.has_grant_keys() {
            return Err(Refusal::NoGrantKeys);
        }
        self.exchanger.app_of(key, name).await.map_err(|error| match error {
            AppError::Store(error) => error.into(),
            AppError::Unusable(_) => Refusal::Record { message: format!("{error}; bring it again, or remove it") },
        })
    }

    /// The app that a tenant brought.
    pub async fn app(&self, installation: &ConnectionKey) -> Result<AppView, Refusal> {
        let app = self.app_of(installation, OWN_APP).await?.ok_or(Refusal::NoApp)?;
        Ok(AppView::of(&app))
    }

    /// Takes a tenant's app in place of the one before. It holds from the next exchange on; see
    /// [`Management::try_new_app`].
    pub async fn put_app(&self, installation: &ConnectionKey, document: &AppDocument) -> Result<AppView, Refusal> {
        if !self.vault.has_grant_keys() {
            return Err(Refusal::NoGrantKeys);
        }
        let app = document.check(&self.trusted_hosts).map_err(Refusal::Input)?;
        let tenant = installation.tenant();
        let sealed = OwnApp::seal(&app, &self.vault, tenant).map_err(|_| Refusal::NoGrantKeys)?;
        let name = OwnApp::document(tenant);
        self.store.put_document(&name, sealed.as_bytes(), DocumentWhen::Always, None).await?;
        Ok(AppView::of(&app))
    }

    /// Forgets a tenant's app, if no connection uses it.
    pub async fn remove_app(&self, installation: &ConnectionKey) -> Result<(), Refusal> {
        if !self.vault.has_grant_keys() {
            return Err(Refusal::NoGrantKeys);
        }
        let tenant = installation.tenant();
        let name = OwnApp::document(tenant);
        let Some(there) = self.store.document(&name).await? else { return Err(Refusal::NoApp) };
        let used = self.under_own_app(tenant, |_| true).await?.len();
        if used > 0 {
            return Err(Refusal::AppInUse(used));
        }
        // Another one that was brought meanwhile is not the one that was meant.
        if self.store.remove_document(&name, Some(&there)).await? { Ok(()) } else { Err(Refusal::Busy) }
    }

    /// Has the connections exchange now that the app before could not earn tokens for. One that works again is announced,
    /// which ends every process's waiting; one that does not is tried again like every other.
    pub async fn try_new_app(&self, installation: &ConnectionKey) {
        let misconfigured = |status| status == Status::Misconfigured;
        let stopped = match self.under_own_app(installation.tenant(), misconfigured).await {
            Ok(stopped) => stopped,
            Err(error) => {
                tracing::info!(%error, "what the new app might mend was not found out; it is tried again like the rest");
                return;
            }
        };
        for key in stopped {
            let Ok(Some(row)) = self.store.read(&key).await else { continue };
            if let Err(error) = self.renew(&key, Want::Ahead(row.head.generation), None).await {
                tracing::info!(connection = %key, %error, "the tenant's new app did not mend the connection");
            }
        }
    }

    async fn under_own_app(
        &self,
        tenant: &str,
        wanted: impl Fn(Status) -> bool,
    ) -> Result<Vec<ConnectionKey>, Refusal> {
        let (mut keys, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.store.list(Some(tenant), cursor.as_deref(), MAX_PAGE).await?;
            let own = page.connections.into_iter().filter(|(_, head)| head.app == OWN_APP && wanted(head.status));
            keys.extend(own.map(|(key, _)| key));
            cursor = page.next;
            if cursor.is_none() {
                return Ok(keys);
            }
        }
    }
}
