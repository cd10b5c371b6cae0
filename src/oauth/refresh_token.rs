//! The refresh-token grant, over a connection that has been dialled for it.

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
    HttpResponse, RefreshToken, RequestTokenError, StandardRevocableToken, StandardTokenResponse, TokenResponse as _,
    TokenUrl,
};
use serde::{Deserialize, Serialize};

use super::{App, ExchangeError, TokenResponse};
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::identity::Identity;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::transport::OneShot;

/// The fields that Salesforce adds to a token response. There is no `expires_in`. None is needed to keep the tokens: by
/// then the old refresh token is spent. What is missing is found out when the response is checked.
#[derive(Clone, Deserialize, Serialize)]
struct Fields {
    #[serde(default)]
    instance_url: String,
    #[serde(default)]
    id: String,
    issued_at: Option<String>,
    signature: Option<String>,
}

// Printed by nobody; `signature` is not for logs.
impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl ExtraTokenFields for Fields {}

type Client = oauth2::Client<
    BasicErrorResponse,
    StandardTokenResponse<Fields, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Exchanges a refresh token for a new access token, by one request on `connection`. Under rotation the refresh token is
/// dead from the moment that Salesforce answers.
pub async fn refresh(
    app: &App,
    client_secret: Option<&Secret<String>>,
    login: &LoginUrl,
    refresh_token: &Secret<String>,
    connection: OneShot,
) -> Result<TokenResponse, ExchangeError> {
    let client = client(app, client_secret, login)?;
    let wire = Wire(Mutex::new(Some(connection)));
    let token = RefreshToken::new(refresh_token.expose().clone());
    let response = client.exchange_refresh_token(&token).request_async(&wire).await.map_err(|error| match error {
        RequestTokenError::Request(WireError(error)) => error,
        // Every answer but 200 ends in the wire, so what remains is a 200 that is not a token response.
        _ => ExchangeError::Lost("a 200 that is not a token response".to_owned()),
    })?;
    let fields = response.extra_fields();
    Ok(TokenResponse {
        access_token: Secret::new(response.access_token().secret().clone()),
        refresh_token: response.refresh_token().map(|token| Secret::new(token.secret().clone())),
        identity: Identity::parse_url(&fields.id).ok(),
        instance_url: fields.instance_url.clone(),
        id: fields.id.clone(),
        issued_at: fields.issued_at.clone(),
        signature: fields.signature.clone(),
    })
}

fn client(app: &App, client_secret: Option<&Secret<String>>, login: &LoginUrl) -> Result<Client, ExchangeError> {
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

/// Sends the one request; lets only a 200 through to the parser.
struct Wire(Mutex<Option<OneShot>>);

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct WireError(ExchangeError);

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = WireError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, WireError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
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
                let failure = TokenFailure::parse(answer.status.as_u16(), content_type, &answer.body);
                return Err(WireError(ExchangeError::Answered(failure)));
            }
            let mut response = http::Response::new(answer.body.to_vec());
            if let Some(content_type) = answer.content_type {
                response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
            }
            Ok(response)
        })
    }
}
