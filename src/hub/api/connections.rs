//! All connections, page by page.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;
use super::caller::{Asked, Caller};
use super::paging::page_of;
use super::problem::Problems;
use super::views::ConnectionSummary;
use crate::connection::{Status, parse_name};
use crate::hub::Hub;

/// Which connections.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this tenant only.
    #[param(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    tenant: Option<String>,
    /// In this state only.
    #[param(pattern = "^(pending|active|checking|reauthorize|misconfigured|disconnected)$")]
    status: Option<String>,
    /// Where the page begins: `next` of the page before.
    cursor: Option<String>,
    /// At most this many are looked at for the page; a page with a filter may be shorter, even empty, before the last.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of connections.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectionPage {
    /// The connections.
    connections: Vec<ConnectionSummary>,
    /// The cursor of the next page; left out after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List connections.
#[utoipa::path(get, path = "/v1/connections", operation_id = "connections_list", params(Which),
    responses((status = 200, body = ConnectionPage), Problems))]
pub(super) async fn list(
    State(hub): State<Arc<Hub>>,
    Caller(token): Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<ConnectionPage>, Problem> {
    let status = which.status.as_deref().map(parse_status).transpose()?;
    if let Some(tenant) = &which.tenant {
        parse_name(tenant.as_bytes()).map_err(|error| Problem::field("tenant", error.to_string()))?;
        if !token.covers(tenant) {
            return Err(Problem::forbidden());
        }
    }
    let limit = page_of(which.limit)?;
    let page = hub.visible(&token, which.tenant.as_deref(), which.cursor.as_deref(), limit).await?;
    let shown = page.connections.iter().filter(|line| status.is_none_or(|status| status == line.status));
    Ok(Json(ConnectionPage { connections: shown.map(ConnectionSummary::from).collect(), next: page.next }))
}

fn parse_status(text: &str) -> Result<Status, Problem> {
    let known = Status::ALL.into_iter().find(|status| status.as_str() == text);
    known.ok_or_else(|| {
        let words: Vec<_> = Status::ALL.into_iter().map(Status::as_str).collect();
        Problem::field("status", format!("must be one of {}", words.join(", ")))
    })
}
