//! The control API.
use crate::answer::Answer;
use crate::body::Body;
use crate::state::Shared;
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use std::sync::Arc;
pub(crate) const PREFIX: &str = "/__sim/";
pub(crate) async fn serve(_s: &Arc<Shared>, parts: &Parts, _i: Incoming) -> Response<Body> {
    Answer::empty(StatusCode::NOT_FOUND).into_response(&parts.headers)
}
