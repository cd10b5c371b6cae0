//! Everything of a tenant.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Problem;
use super::caller::{AboutTenant, Asked};
use super::operations::HowToRemove;
use super::paths::OfTenant;
use super::problem::Problems;
use crate::hub::Hub;

/// What off-boarding did.
#[derive(Serialize, ToSchema)]
pub(super) struct OffBoarded {
    /// Connections that are forgotten, revoked where there was something to revoke.
    removed: usize,
    /// Connections that are still there, each with the reason; the same call again tries them again.
    failed: Vec<NotRemoved>,
}

/// A connection that is still there.
#[derive(Serialize, ToSchema)]
pub(super) struct NotRemoved {
    /// The user; left out for the installation connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Why.
    why: String,
}

/// Off-board a tenant: every connection of it is revoked and forgotten.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}", operation_id = "tenant_remove",
    params(OfTenant, HowToRemove),
    responses((status = 200, body = OffBoarded), Problems))]
pub(super) async fn remove(
    State(hub): State<Arc<Hub>>,
    about: AboutTenant,
    Asked(how): Asked<HowToRemove>,
) -> Result<Json<OffBoarded>, Problem> {
    let outcome = hub.management.remove_tenant(&about.tenant, how.otherwise()).await;
    hub.management.record_for(&about.actor, "tenant.removed", &about.tenant, None, &outcome).await;
    let outcome = outcome?;
    let failed = outcome
        .failed
        .into_iter()
        .map(|(key, refusal)| NotRemoved { user: key.user().map(str::to_owned), why: refusal.to_string() });
    Ok(Json(OffBoarded { removed: outcome.removed, failed: failed.collect() }))
}
