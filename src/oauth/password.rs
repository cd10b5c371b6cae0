//! The username-password grant, which Salesforce is taking away: off in new orgs, not offered to External Client Apps, and
//! only for apps that the configuration allows it by name. The password is followed by the user's security token.

use oauth2::{ResourceOwnerPassword, ResourceOwnerUsername};

use super::wire::{Wire, client, response};
use super::{App, Credentials, ExchangeError, TokenResponse};
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::transport::OneShot;

/// Earns an access token with a user's name and password.
pub(super) async fn exchange(
    app: &App,
    credentials: &Credentials,
    login: &LoginUrl,
    username: &str,
    password: &Secret<String>,
    connection: OneShot,
) -> Result<TokenResponse, ExchangeError> {
    let client = client(app, credentials.client_secret.as_ref(), login)?;
    let wire = Wire::new(connection, TokenFailure::parse_without_refresh_token);
    let username = ResourceOwnerUsername::new(username.to_owned());
    let password = ResourceOwnerPassword::new(password.expose().clone());
    response(client.exchange_password(&username, &password).request_async(&wire).await)
}
