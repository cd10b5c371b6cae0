//! Changes of state, as pages and as a stream.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::ACCEPT;
use serde::Serialize;
use utoipa::ToSchema;

use super::Problem;
use super::caller::{Asked, Caller};
use super::paging::Part;
use super::problem::Problems;
use super::stream;
use crate::hub::Hub;
use crate::management::Refusal;
use crate::store;

/// A change of a connection's state.
#[derive(Serialize, ToSchema)]
pub(in crate::hub) struct Event {
    /// Names the event and orders it.
    pub(in crate::hub) id: String,
    /// When: milliseconds since 1970.
    at: u64,
    /// The tenant.
    tenant: String,
    /// The tenant's user; left out for the installation connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The state before; left out for a new connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<ConnectionState>,
    /// The state now; left out for a connection that was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<ConnectionState>,
}

/// A state.
#[derive(Serialize, ToSchema)]
pub(in crate::hub) struct ConnectionState {
    /// The status.
    status: &'static str,
    /// Why it is not active.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    /// What that means.
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<&'static str>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'static str>,
}

/// A page of events.
#[derive(Serialize, ToSchema)]
pub(super) struct EventPage {
    /// The events, oldest first.
    events: Vec<Event>,
    /// What to name as `after` for what follows; left out if there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Read events. With `Accept: text/event-stream` they go on coming as server-sent events; `Last-Event-ID` says where to go
/// on.
#[utoipa::path(get, path = "/v1/events", operation_id = "events_list", params(Part),
    responses((status = 200, body = EventPage), Problems))]
pub(super) async fn list(
    State(hub): State<Arc<Hub>>,
    Caller(token): Caller,
    Asked(part): Asked<Part>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = part.limit()?;
    if wants_stream(&headers) {
        let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        return Ok(stream::answer(hub, token, last.or(part.after)));
    }
    let found = hub.store.events(part.after.as_deref(), limit).await.map_err(Refusal::from)?;
    let next = found.last().map(|event| event.id.clone());
    let events = found.into_iter().filter(|event| token.covers(event.key.tenant())).map(Event::from).collect();
    Ok(Json(EventPage { events, next }).into_response())
}

/// Whether a stream is among what the program takes. Programs that take anything get a page.
fn wants_stream(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("text/event-stream")
    })
}

impl From<store::Event> for Event {
    fn from(event: store::Event) -> Self {
        let state = |state: store::State| ConnectionState {
            status: state.status.as_str(),
            cause: state.cause.map(crate::connection::Cause::as_str),
            meaning: state.cause.map(crate::connection::Cause::meaning),
            fix: state.cause.map(crate::connection::Cause::fix),
        };
        Self {
            id: event.id,
            at: event.at.0,
            tenant: event.key.tenant().to_owned(),
            user: event.key.user().map(str::to_owned),
            before: event.before.map(state),
            after: event.after.map(state),
        }
    }
}
