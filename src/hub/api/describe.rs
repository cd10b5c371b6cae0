//! The head of the description, and how it is served.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};

use super::problem::FieldFault;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Orgpass management API",
        description = "Connects customers' Salesforce orgs, and says how each connection is. No route returns a token."
    ),
    components(schemas(FieldFault))
)]
struct Head;

/// Title, version, and that every route wants an API token.
pub(super) fn head() -> utoipa::openapi::OpenApi {
    let mut head = Head::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut head.info.version);
    let bearer =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A token of hub.api_tokens_file.")).build();
    head.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(bearer));
    head.security = Some(vec![SecurityRequirement::new("token", [""; 0])]);
    head
}

/// The description.
pub(super) fn answer(description: String) -> Response {
    let mut response = description.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
