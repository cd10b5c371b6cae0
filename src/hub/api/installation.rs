//! The tenant's own connection.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::Problem;
use super::caller::{About, Asked, Body};
use super::operations::{CheckResult, HowToRemove, Import, ImportResult, Link, NewLink, RemoveResult};
use super::paths::OfTenant;
use super::problem::Problems;
use super::views::Connection;
use crate::hub::Hub;
use crate::management::Imported;

/// Import an authorization that was obtained elsewhere. The same again changes nothing; another while the connection is
/// active is a conflict.
#[utoipa::path(put, path = "/v1/tenants/{tenant}/connection", operation_id = "installation_put", params(OfTenant), request_body = Import,
    responses((status = 200, body = ImportResult), (status = 201, body = ImportResult), Problems))]
pub(super) async fn put(
    State(hub): State<Arc<Hub>>,
    about: About,
    body: Body,
) -> Result<(StatusCode, Json<ImportResult>), Problem> {
    let (imported, result) = hub.put(&about, &body).await?;
    let status = if imported == Imported::Created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(result)))
}

/// Show the connection: everything but its tokens.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/connection", operation_id = "installation_show", params(OfTenant),
    responses((status = 200, body = Connection), Problems))]
pub(super) async fn show(State(hub): State<Arc<Hub>>, about: About) -> Result<Json<Connection>, Problem> {
    hub.view(&about).await.map(Json)
}

/// Revoke at Salesforce, then forget.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/connection", operation_id = "installation_remove", params(OfTenant, HowToRemove),
    responses((status = 200, body = RemoveResult), Problems))]
pub(super) async fn remove(
    State(hub): State<Arc<Hub>>,
    about: About,
    Asked(how): Asked<HowToRemove>,
) -> Result<Json<RemoveResult>, Problem> {
    hub.remove(&about, &how).await.map(Json)
}

/// Make a link by which the connection can be connected, or connected again, in a browser.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/connection/link", operation_id = "installation_link", params(OfTenant), request_body = Option<NewLink>,
    responses((status = 201, body = Link), Problems))]
pub(super) async fn link(
    State(hub): State<Arc<Hub>>,
    about: About,
    body: Body,
) -> Result<(StatusCode, Json<Link>), Problem> {
    hub.mint(&about, &body).await.map(|link| (StatusCode::CREATED, Json(link)))
}

/// Get a new session now, whatever the present one is good for.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/connection/refresh", operation_id = "installation_refresh", params(OfTenant),
    responses((status = 200, body = Connection), Problems))]
pub(super) async fn refresh(State(hub): State<Arc<Hub>>, about: About) -> Result<Json<Connection>, Problem> {
    hub.renew(&about).await.map(Json)
}

/// Ask the org whether the session is alive, and get a new one if it is not.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/connection/check", operation_id = "installation_check", params(OfTenant),
    responses((status = 200, body = CheckResult), Problems))]
pub(super) async fn check(State(hub): State<Arc<Hub>>, about: About) -> Result<Json<CheckResult>, Problem> {
    hub.check_now(&about).await.map(Json)
}
