//! The audit trail.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Problem;
use super::caller::{Asked, Caller};
use super::paging::Part;
use super::problem::Problems;
use crate::hub::Hub;

/// Something that was done.
#[derive(Serialize, ToSchema)]
pub(super) struct Entry {
    /// Names the entry and orders it.
    id: String,
    /// When: milliseconds since 1970.
    at: u64,
    /// Who: `api NAME`, `person NAME`, `link`, `operator` or `hub`.
    who: String,
    /// What was done, such as `connection.removed`.
    action: String,
    /// Of which tenant.
    tenant: String,
    /// Of which user; left out for the installation connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// `done`, or why not.
    outcome: String,
}

/// A page of the trail.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditPage {
    /// The entries, oldest first.
    entries: Vec<Entry>,
    /// What to name as `after` for what follows; left out if there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Read the audit trail: who changed what, when, and what came of it.
#[utoipa::path(get, path = "/v1/audit", operation_id = "audit_list", params(Part),
    responses((status = 200, body = AuditPage), Problems))]
pub(super) async fn list(
    State(hub): State<Arc<Hub>>,
    Caller(token): Caller,
    Asked(part): Asked<Part>,
) -> Result<Json<AuditPage>, Problem> {
    let limit = part.limit()?;
    let found = hub.management.audits(part.after.as_deref(), limit).await?;
    let entries = found.entries.into_iter().filter(|(_, _, audited)| token.covers(&audited.tenant));
    let entries = entries.map(|(id, at, audited)| Entry {
        id,
        at: at.0,
        who: audited.who,
        action: audited.action,
        tenant: audited.tenant,
        user: audited.user,
        outcome: audited.outcome,
    });
    Ok(Json(AuditPage { entries: entries.collect(), next: found.next }))
}
