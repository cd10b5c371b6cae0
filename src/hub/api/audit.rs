//! The audit trail.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;
use super::caller::{Asked, Caller};
use super::problem::Problems;
use crate::hub::Hub;

const USUAL_PAGE: usize = 100;

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// After this entry only; from the oldest kept on if it is left out.
    #[param(max_length = 64)]
    after: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

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
#[utoipa::path(get, path = "/v1/audit", operation_id = "audit_list", params(Which),
    responses((status = 200, body = AuditPage), Problems))]
pub(super) async fn list(
    State(hub): State<Arc<Hub>>,
    Caller(token): Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<AuditPage>, Problem> {
    let limit = which.limit.unwrap_or(USUAL_PAGE);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::field("limit", "must be from 1 to 1000"));
    }
    let found = hub.management.audits(which.after.as_deref(), limit).await?;
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
