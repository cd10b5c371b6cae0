//! Apps that tenants brought, as the store keeps them: one document for each tenant, sealed whole under the grant keys, with
//! its own name inside, so that it is taken for nothing else.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::RecordError;
use crate::connection::ConnectionKey;
use crate::oauth::{App, AppKey, Brand, ClientSecret, Logo, OWN_APP};
use crate::salesforce::hosts::{LoginUrl, TrustedHosts};
use crate::salesforce::scopes::Scopes;
use crate::secret::Secret;
use crate::store::{DocumentKind, DocumentName, StoreError};
use crate::vault::{OpenError, Purpose, Sealed, Vault};

/// Why an app that a tenant brought cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store does not give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is there and cannot be used.
    #[error("the app that the tenant brought {0}")]
    Unusable(#[from] RecordError),
}

/// An app that a tenant brought.
#[derive(Clone, Debug)]
pub struct OwnApp {
    /// The app.
    pub app: Arc<App>,
    /// Another one whenever the app was written anew.
    pub revision: String,
}

type Text = Zeroizing<String>;

#[derive(Serialize, Deserialize)]
struct Wire {
    document: String,
    revision: String,
    client_id: String,
    client_secret: Option<Text>,
    private_key: Option<Text>,
    login_url: String,
    sandbox_login_url: String,
    scopes: String,
    name: String,
    logo: Option<String>,
    accent: Option<String>,
    introspect: bool,
}

impl OwnApp {
    /// The document that holds a tenant's app.
    pub fn document(tenant: &str) -> DocumentName {
        let name = installation(tenant).encode();
        DocumentName::new(DocumentKind::App, name).expect("an encoded key is a name")
    }

    /// Seals an app as this tenant's, as one that was written anew.
    pub fn seal(app: &App, vault: &Vault, tenant: &str) -> Result<Sealed, OpenError> {
        let mut revision = [0; 8];
        getrandom::fill(&mut revision).expect("the operating system's random source works");
        let held = |secret: &Secret<String>| Zeroizing::new(secret.expose().clone());
        let wire = Wire {
            document: Self::document(tenant).name().to_owned(),
            revision: u64::from_be_bytes(revision).to_string(),
            client_id: app.client_id.clone(),
            client_secret: match &app.client_secret {
                Some(ClientSecret::Held(secret)) => Some(held(secret)),
                Some(ClientSecret::File(_)) | None => None,
            },
            private_key: match &app.private_key {
                Some(AppKey::Held(pem)) => Some(held(pem)),
                Some(AppKey::File(_)) | None => None,
            },
            login_url: app.login_url.to_string(),
            sandbox_login_url: app.sandbox_login_url.to_string(),
            scopes: app.scopes.to_string(),
            name: app.brand.name.clone(),
            logo: app.brand.logo.as_ref().map(Logo::data_uri),
            accent: app.brand.accent.map(|accent| accent.to_string()),
            introspect: app.introspect,
        };
        let json = Zeroizing::new(serde_json::to_vec(&wire).expect("texts serialize"));
        vault.seal(Purpose::Grant, &installation(tenant), &json)
    }

    /// Opens what [`OwnApp::seal`] made for the same tenant.
    pub fn open(vault: &Vault, tenant: &str, bytes: Vec<u8>, trusted: &TrustedHosts) -> Result<Self, RecordError> {
        let json = vault.open(Purpose::Grant, &installation(tenant), &Sealed::from_bytes(bytes))?;
        let wire: Wire = serde_json::from_slice(&json).map_err(|_| RecordError::Form)?;
        if wire.document != Self::document(tenant).name() {
            return Err(RecordError::Form);
        }
        wire.read(trusted).ok_or(RecordError::Form)
    }
}

impl Wire {
    fn read(mut self, trusted: &TrustedHosts) -> Option<OwnApp> {
        let held = |text: &mut Option<Text>| text.as_mut().map(|text| Secret::new(std::mem::take(&mut **text)));
        let (client_secret, private_key) = (held(&mut self.client_secret), held(&mut self.private_key));
        let app = App {
            name: OWN_APP.to_owned(),
            client_id: self.client_id,
            client_secret: client_secret.map(ClientSecret::Held),
            login_url: LoginUrl::parse(&self.login_url, trusted).ok()?,
            session_time: None,
            private_key: private_key.map(AppKey::Held),
            audience: None,
            introspect: self.introspect,
            scopes: Scopes::parse(&self.scopes).ok()?,
            sandbox_login_url: LoginUrl::parse(&self.sandbox_login_url, trusted).ok()?,
            brand: Brand {
                name: self.name,
                // A picture that this version does not take is left out; nothing depends on it.
                logo: self.logo.and_then(|uri| Logo::parse_data_uri(&uri).ok()),
                accent: self.accent.and_then(|accent| accent.parse().ok()),
            },
            // What is off by default is the operator's to allow.
            allow: Vec::new(),
        };
        Some(OwnApp { app: Arc::new(app), revision: self.revision })
    }
}

fn installation(tenant: &str) -> ConnectionKey {
    ConnectionKey::parse(tenant, None).expect("the tenant's name was parsed before")
}
