//! Which app an exchange is for: one of the configuration, from memory, or the one that the tenant brought, read from the
//! store each time, so that a change holds from the next exchange on.

use std::sync::Arc;

use super::Exchanger;
use crate::connection::ConnectionKey;
use crate::oauth::{App, OWN_APP};
use crate::token::own_app::{AppError, OwnApp};

/// An app, and what the breaker knows it by.
pub(super) struct Found {
    pub(super) app: Arc<App>,
    pub(super) breaker: String,
}

impl Exchanger {
    /// The app of this name, as a connection of this tenant means it.
    pub async fn app_of(&self, key: &ConnectionKey, name: &str) -> Result<Option<Arc<App>>, AppError> {
        Ok(self.find_app(key, name).await?.map(|found| found.app))
    }

    pub(super) async fn find_app(&self, key: &ConnectionKey, name: &str) -> Result<Option<Found>, AppError> {
        if name != OWN_APP {
            let app = self.parts.apps.get(name).cloned();
            return Ok(app.map(|app| Found { breaker: app.name.clone(), app }));
        }
        let own = self.own_app(key.tenant()).await?;
        // Names in the configuration are one line; a tenant's new app starts with a clean sheet.
        let breaker = |revision: &str| format!("{OWN_APP}\n{}\n{revision}", key.tenant());
        Ok(own.map(|own| Found { breaker: breaker(&own.revision), app: own.app }))
    }

    /// The app that a tenant brought.
    async fn own_app(&self, tenant: &str) -> Result<Option<OwnApp>, AppError> {
        let Some(bytes) = self.parts.store.document(&OwnApp::document(tenant)).await? else { return Ok(None) };
        Ok(Some(OwnApp::open(&self.parts.vault, tenant, bytes, &self.parts.trusted_hosts)?))
    }
}
