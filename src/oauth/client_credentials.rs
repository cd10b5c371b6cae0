//! The client credentials grant: a session for the user that an org lets the app run as. Served by the org's own host
//! only. A `scope` is refused, so none is asked for.

use super::wire::{Wire, client, response};
use super::{App, Credentials, ExchangeError, TokenResponse};
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::token_errors::TokenFailure;
use crate::transport::OneShot;

/// Earns an access token with the app's own credentials.
pub(super) async fn exchange(
    app: &App,
    credentials: &Credentials,
    login: &LoginUrl,
    connection: OneShot,
) -> Result<TokenResponse, ExchangeError> {
    let client = client(app, credentials.client_secret.as_ref(), login)?;
    let wire = Wire::new(connection, TokenFailure::parse_without_refresh_token);
    response(client.exchange_client_credentials().request_async(&wire).await)
}
