//! What all grants share on the wire: one request to the token endpoint over a connection that has been dialled for it,
//! and the reading of its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, ExtraTokenFields, HttpRequest,
    HttpResponse, RequestTokenError, StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};

use super::{App, ExchangeError, TokenResponse, answer};
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::identity::Identity;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::transport::OneShot;

/// The fields that Salesforce adds to a token response. There is no `expires_in`. None is needed to keep the tokens: by
/// then the old refresh token is spent. What is missing is found out when the response is checked.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Fields {
    #[serde(default)]
    instance_url: String,
    #[serde(default)]
    id: String,
    issued_at: Option<String>,
    signature: Option<String>,
    id_token: Option<String>,
}

// Printed by nobody; `signature` is not for logs.
impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl ExtraTokenFields for Fields {}

/// A token response as the library reads it.
pub(super) type Parsed = StandardTokenResponse<Fields, BasicTokenType>;

pub(super) type Client = oauth2::Client<
    BasicErrorResponse,
    Parsed,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// The client of one app at one token endpoint, with its secret if it has one.
pub(super) fn client(
    app: &App,
    client_secret: Option<&Secret<String>>,
    login: &LoginUrl,
) -> Result<Client, ExchangeError> {
    let url = TokenUrl::new(format!("{login}/services/oauth2/token"))
        .map_err(|error| ExchangeError::NotSent(error.to_string()))?;
    let client = oauth2::Client::new(ClientId::new(app.client_id.clone()))
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(url);
    Ok(match client_secret {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().clone())),
        None => client,
    })
}

/// What an answer that brought no token means, by status, content type and body.
type Classify = fn(u16, Option<&[u8]>, &[u8]) -> TokenFailure;

/// Sends the one request; lets only a 200 through to the parser.
pub(super) struct Wire {
    connection: Mutex<Option<OneShot>>,
    classify: Classify,
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct WireError(pub(super) ExchangeError);

impl Wire {
    pub(super) fn new(connection: OneShot, classify: Classify) -> Self {
        Self { connection: Mutex::new(Some(connection)), classify }
    }
}

/// What came of a request that the library made.
pub(super) fn response<E>(
    answer: Result<Parsed, RequestTokenError<WireError, E>>,
) -> Result<TokenResponse, ExchangeError>
where
    E: oauth2::ErrorResponse + 'static,
{
    answer.map(TokenResponse::from).map_err(|error| match error {
        RequestTokenError::Request(WireError(error)) => error,
        // Every answer but 200 ends in the wire, so what remains is a 200 that is not a token response.
        _ => no_token_response(),
    })
}

/// A 200 that cannot be read: whatever was to be spent may be.
pub(super) fn no_token_response() -> ExchangeError {
    ExchangeError::Lost("a 200 that is not a token response".to_owned())
}

impl From<Parsed> for TokenResponse {
    fn from(parsed: Parsed) -> Self {
        let fields = parsed.extra_fields();
        Self {
            access_token: Secret::new(parsed.access_token().secret().clone()),
            refresh_token: parsed.refresh_token().map(|token| Secret::new(token.secret().clone())),
            identity: Identity::parse_url(&fields.id).ok(),
            instance_url: fields.instance_url.clone(),
            id: fields.id.clone(),
            issued_at: fields.issued_at.clone(),
            signature: fields.signature.clone(),
            scope: parsed.scopes().map(|scopes| {
                let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
                words.join(" ")
            }),
            id_token: fields.id_token.clone().map(Secret::new),
        }
    }
}

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = WireError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, WireError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
        let classify = self.classify;
        Box::pin(async move {
            let connection =
                connection.ok_or_else(|| WireError(ExchangeError::NotSent("a connection sends once".to_owned())))?;
            let (mut head, body) = request.into_parts();
            head.uri = Uri::from_static("/services/oauth2/token");
            let request = http::Request::from_parts(head, Full::new(Bytes::from(body)));
            let answer =
                connection.send(request).await.map_err(|error| WireError(ExchangeError::Lost(error.to_string())))?;
            if answer.status != http::StatusCode::OK {
                let content_type = answer.content_type.as_ref().map(http::HeaderValue::as_bytes);
                let failure = classify(answer.status.as_u16(), content_type, &answer.body);
                return Err(WireError(ExchangeError::Answered(failure)));
            }
            let body = answer::plain(&answer.body).ok_or(WireError(no_token_response()))?;
            Ok(http::Response::new(body))
        })
    }
}
