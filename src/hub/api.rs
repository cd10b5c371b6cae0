//! The management API under `/v1`, described by `/openapi.json`, which is made from this code.

mod app;
mod audit;
mod caller;
mod connections;
mod describe;
mod events;
mod installation;
mod operations;
mod paging;
mod paths;
mod problem;
mod stream;
mod tenant;
mod user;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use self::events::Event;
use self::problem::Problem;
use super::Hub;

fn described() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::with_openapi(describe::head())
        .routes(routes!(tenant::remove))
        .routes(routes!(installation::put, installation::show, installation::remove))
        .routes(routes!(installation::link))
        .routes(routes!(installation::refresh))
        .routes(routes!(installation::check))
        .routes(routes!(user::put, user::show, user::remove))
        .routes(routes!(user::link))
        .routes(routes!(user::refresh))
        .routes(routes!(user::check))
        .routes(routes!(app::put, app::show, app::remove))
        .routes(routes!(connections::list))
        .routes(routes!(events::list))
        .routes(routes!(audit::list))
}

/// The routes, and their description.
pub(super) fn router() -> Router<Arc<Hub>> {
    let (router, description) = described().split_for_parts();
    let description = description.to_json().expect("the description is made of texts");
    router.route("/openapi.json", get(async move || describe::answer(description.clone())))
}

/// The answer to an address under `/v1` that does not exist.
pub(super) fn not_found() -> Response {
    Problem::no_such_route().into_response()
}

/// The answer to a call whose work takes longer than anybody should wait.
pub(super) fn still_at_work() -> Response {
    Problem::still_at_work().into_response()
}

/// The answer to a method that a route does not have.
pub(super) fn method_not_allowed() -> Response {
    Problem::wrong_method().into_response()
}
