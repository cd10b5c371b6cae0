//! Introspection: asks Salesforce how long a session that it has just issued will live. It tells the app that the session
//! belongs to, if that has a secret.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use serde::Deserialize;
use url::form_urlencoded;

use super::token_life::between;
use super::{App, ExchangeError};
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::transport::OneShot;

/// Times are seconds by Salesforce's clock: only their difference means anything here.
#[derive(Deserialize)]
struct Wire {
    active: bool,
    iat: Option<u64>,
    exp: Option<u64>,
}

/// How long the session of this access token lives from its issue on; `None` if Salesforce does not say. One request on
/// `connection`.
pub async fn introspect(
    app: &App,
    client_secret: &Secret<String>,
    access_token: &Secret<String>,
    connection: OneShot,
) -> Result<Option<Duration>, ExchangeError> {
    let form: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", access_token.expose())
        .append_pair("token_type_hint", "access_token")
        .append_pair("client_id", &app.client_id)
        .append_pair("client_secret", client_secret.expose())
        .finish();
    let mut request = Request::new(Full::new(Bytes::from(form)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static("/services/oauth2/introspect");
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = connection.send(request).await.map_err(|error| ExchangeError::Lost(error.to_string()))?;
    if answer.status != StatusCode::OK {
        let content_type = answer.content_type.as_ref().map(HeaderValue::as_bytes);
        return Err(ExchangeError::Answered(TokenFailure::parse(answer.status.as_u16(), content_type, &answer.body)));
    }
    let wire: Wire = serde_json::from_slice(&answer.body)
        .map_err(|_| ExchangeError::Lost("a 200 that tells nothing of the session".to_owned()))?;
    Ok(wire.active.then_some(()).and_then(|()| between(wire.iat?, wire.exp?)))
}
