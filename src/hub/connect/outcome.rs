//! What became of a link, for the page that opened it in a window.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN, VARY};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use crate::connection::Cause;
use crate::hub::Hub;
use crate::management::links::{Ending, Stage, unix_now};

#[derive(Serialize)]
struct Outcome {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
}

/// Says it to whoever knows the link; a page of another origin may read it only if links may lead back there.
pub(super) async fn status(State(hub): State<Arc<Hub>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let outcome = match hub.held(&id).await {
        Err(_) => Outcome { status: "expired", cause: None },
        Ok((_, held)) => match held.link.stage {
            Stage::Ended(Ending::Connected) => Outcome { status: "connected", cause: None },
            Stage::Ended(Ending::Cancelled) => Outcome { status: "cancelled", cause: None },
            Stage::Ended(Ending::Failed(cause)) => Outcome { status: "failed", cause: Some(cause) },
            _ if unix_now() >= held.link.expires => Outcome { status: "expired", cause: None },
            _ => Outcome { status: "waiting", cause: None },
        },
    };
    let mut response = Json(outcome).into_response();
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let allowed = hub.management.link_settings().into_iter().flat_map(|links| &links.return_to);
    let origin = origin.filter(|origin| allowed.clone().any(|allowed| allowed.origin() == *origin));
    if let Some(Ok(origin)) = origin.map(HeaderValue::from_str) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    response
}
