//! The app that a tenant brings. Its secrets go in and never come out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Problem;
use super::caller::{About, Body};
use super::paths::OfTenant;
use super::problem::Problems;
use crate::hub::Hub;
use crate::management::{AppDocument, AppView, Refusal};

/// An app to be brought. It takes the place of the one before as a whole: what is left out, it does not have.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says what there is in the description; it is read into an app document")]
pub(super) struct NewApp {
    /// The consumer key.
    client_id: String,
    /// The consumer secret.
    client_secret: Option<String>,
    /// The RSA private key that signs its assertions, as PEM.
    private_key: Option<String>,
    /// Where users log in; `https://login.salesforce.com` by default.
    login_url: Option<String>,
    /// Where users of sandboxes log in; `https://test.salesforce.com` by default.
    sandbox_login_url: Option<String>,
    /// What is asked for unless a link says otherwise.
    scopes: Option<Vec<String>>,
    /// What people know it by.
    name: String,
    /// The logo: a PNG, JPEG, WebP or SVG picture as `data:` URI. The whole object is at most 64 KiB.
    logo: Option<String>,
    /// The colour of buttons, such as `#1a73e8`.
    accent: Option<String>,
    /// Whether Salesforce is asked how long new sessions live; needs `client_secret`.
    introspect: Option<bool>,
}

/// An app without its secrets.
#[derive(Serialize, ToSchema)]
pub(super) struct App {
    /// The consumer key.
    client_id: String,
    /// Whether there is a consumer secret.
    has_client_secret: bool,
    /// Whether there is a private key.
    has_private_key: bool,
    /// Where users log in.
    login_url: String,
    /// Where users of sandboxes log in.
    sandbox_login_url: String,
    /// What is asked for unless a link says otherwise.
    scopes: Vec<String>,
    /// What people know it by.
    name: String,
    /// The logo, as `data:` URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
    /// The colour of buttons.
    #[serde(skip_serializing_if = "Option::is_none")]
    accent: Option<String>,
    /// Whether Salesforce is asked how long new sessions live.
    introspect: bool,
}

impl From<AppView> for App {
    fn from(view: AppView) -> Self {
        Self {
            client_id: view.client_id,
            has_client_secret: view.has_client_secret,
            has_private_key: view.has_private_key,
            login_url: view.login_url,
            sandbox_login_url: view.sandbox_login_url,
            scopes: view.scopes,
            name: view.name,
            logo: view.logo,
            accent: view.accent,
            introspect: view.introspect,
        }
    }
}

/// Bring an app: the tenant's connections are made under it from then on, where a link or an import does not say otherwise or
/// says `own`. A changed secret holds from the next exchange on.
#[utoipa::path(put, path = "/v1/tenants/{tenant}/app", operation_id = "app_put", params(OfTenant), request_body = NewApp,
    responses((status = 200, body = App), Problems))]
pub(super) async fn put(State(hub): State<Arc<Hub>>, about: About, body: Body) -> Result<Json<App>, Problem> {
    let document = AppDocument::parse(&body.0).map_err(|fault| Refusal::Input(vec![fault]))?;
    let put = hub.management.put_app(&about.key, &document).await;
    hub.management.record(&about.actor, "app.put", &about.key, &put).await;
    let view = put?;
    // Nobody need wait for what it mends.
    let (management, key) = (Arc::clone(&hub.management), about.key);
    tokio::spawn(async move { management.try_new_app(&key).await });
    Ok(Json(view.into()))
}

/// Show the app that the tenant brought: everything but its secrets.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/app", operation_id = "app_show", params(OfTenant),
    responses((status = 200, body = App), Problems))]
pub(super) async fn show(State(hub): State<Arc<Hub>>, about: About) -> Result<Json<App>, Problem> {
    Ok(Json(hub.management.app(&about.key).await?.into()))
}

/// Forget the app that the tenant brought. Refused while connections use it.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/app", operation_id = "app_remove", params(OfTenant),
    responses((status = 204, description = "It is forgotten."), Problems))]
pub(super) async fn remove(State(hub): State<Arc<Hub>>, about: About) -> Result<StatusCode, Problem> {
    let removed = hub.management.remove_app(&about.key).await;
    hub.management.record(&about.actor, "app.removed", &about.key, &removed).await;
    removed?;
    Ok(StatusCode::NO_CONTENT)
}
