//! Changes of state, as pages and as a stream.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::ACCEPT;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;
use super::caller::{Asked, Caller};
use super::problem::Problems;
use super::stream;
use crate::hub::Hub;
use crate::management::Refusal;
use crate::store;

const USUAL_PAGE: usize = 100;
const MAX_ID: usize = 64;

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// After this event only; from the oldest kept on if it is left out.
    #[param(max_length = 64)]
    after: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

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
#[utoipa::path(get, path = "/v1/events", operation_id = "events_list", params(Which),
    responses((status = 200, body = EventPage), Problems))]
pub(super) async fn list(
    State(hub): State<Arc<Hub>>,
    Caller(token): Caller,
    Asked(which): Asked<Which>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = which.limit.unwrap_or(USUAL_PAGE);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::field("limit", "must be from 1 to 1000"));
    }
    if which.after.as_ref().is_some_and(|after| after.len() > MAX_ID) {
        return Err(Problem::field("after", "must be the id of an event"));
    }
    let wants_stream = headers.get(ACCEPT).is_some_and(|accept| accept == "text/event-stream");
    if wants_stream {
        let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        return Ok(stream::answer(hub, token, last.or(which.after)));
    }
    let found = hub.store.events(which.after.as_deref(), limit).await.map_err(Refusal::from)?;
    let next = found.last().map(|event| event.id.clone());
    let events = found.into_iter().filter(|event| token.covers(event.key.tenant())).map(Event::from).collect();
    Ok(Json(EventPage { events, next }).into_response())
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
