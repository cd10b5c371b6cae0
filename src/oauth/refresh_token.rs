//! The refresh token grant.

use oauth2::RefreshToken;

use super::wire::{Wire, client, response};
use super::{App, Credentials, ExchangeError, TokenResponse};
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::transport::OneShot;

/// Exchanges a refresh token for a new access token. Under rotation the refresh token is dead from the moment that
/// Salesforce answers.
pub(super) async fn exchange(
    app: &App,
    credentials: &Credentials,
    login: &LoginUrl,
    refresh_token: &Secret<String>,
    connection: OneShot,
) -> Result<TokenResponse, ExchangeError> {
    let client = client(app, credentials.client_secret.as_ref(), login)?;
    let wire = Wire::new(connection, TokenFailure::parse);
    let token = RefreshToken::new(refresh_token.expose().clone());
    response(client.exchange_refresh_token(&token).request_async(&wire).await)
}
