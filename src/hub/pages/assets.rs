//! What pages load from the hub itself: style, the script that tells an opener, and the button for other people's pages.

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};

use crate::hub::Hub;

const STYLE: &str = include_str!("style.css");
const DONE: &str = include_str!("done.js");
const CONNECT: &str = include_str!("connect.js");

/// The routes of the assets.
pub fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/assets/style.css", get(async || asset("text/css; charset=utf-8", STYLE)))
        .route("/assets/done.js", get(async || asset("text/javascript; charset=utf-8", DONE)))
        .route("/connect.js", get(connect))
}

/// A module is loaded with CORS; what it says is the same for everybody.
async fn connect() -> Response {
    let mut response = asset("text/javascript; charset=utf-8", CONNECT);
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.headers_mut().insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}

fn asset(media_type: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
