//! The token endpoint: apps, exchanges by each grant, introspection and revocation. One call sends one request; what came
//! of it is told apart into answered, and lost.

mod answer;
mod api_access;
mod app;
mod authorization_code;
mod bearer;
mod brand;
mod client_credentials;
mod client_secret;
mod data_cloud;
mod device;
pub mod id_token;
mod introspect;
mod jwt_bearer;
mod password;
mod private_key;
mod refresh_token;
mod revoke;
mod signature;
mod token_life;
mod userinfo;
mod wire;

pub use api_access::{ApiAccess, api_access, server_time};
pub use app::{App, Apps, Audience, Credentials, CredentialsError, Flow, OWN_APP, is_client_id};
pub use authorization_code::{Authorization, CodeVerifier, redeem};
pub use brand::{Accent, Brand, Logo, MAX_LOGO_BYTES, parse_display_name};
pub use client_secret::ClientSecret;
pub use data_cloud::{DataCloudRefusal, DataCloudToken, data_cloud};
pub use device::{DEVICE_CODE_LIFE, DeviceCode, DevicePoll, begin_device, poll_device};
pub use introspect::introspect;
pub use private_key::{AppKey, PrivateKeyError, SigningKey};
pub use revoke::revoke;
pub use signature::signature_fits;
pub use token_life::token_life;
pub use userinfo::{UserInfo, userinfo};

use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::identity::Identity;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::transport::OneShot;

/// How a token is earned.
#[derive(Clone, Copy, Debug)]
pub enum Earn<'a> {
    /// By a refresh token, which under rotation is spent.
    RefreshToken(&'a Secret<String>),
    /// By an assertion for a user, which the app's private key signs.
    JwtBearer {
        /// The user's name at Salesforce.
        username: &'a str,
    },
    /// By the app's own credentials.
    ClientCredentials,
    /// By a user's name and password.
    Password {
        /// The user's name at Salesforce.
        username: &'a str,
        /// The password, followed by the security token.
        password: &'a Secret<String>,
    },
}

/// Earns a token for an app by one request to the token endpoint of `login`, on a connection that has been dialled for
/// it. `credentials` are those of [`App::credentials`] for the same `earn`.
pub async fn exchange(
    app: &App,
    credentials: &Credentials,
    login: &LoginUrl,
    earn: Earn<'_>,
    connection: OneShot,
) -> Result<TokenResponse, ExchangeError> {
    match earn {
        Earn::RefreshToken(token) => refresh_token::exchange(app, credentials, login, token, connection).await,
        Earn::JwtBearer { username } => jwt_bearer::exchange(app, credentials, login, username, connection).await,
        Earn::ClientCredentials => client_credentials::exchange(app, credentials, login, connection).await,
        Earn::Password { username, password } => {
            password::exchange(app, credentials, login, username, password, connection).await
        }
    }
}

/// What a token endpoint gave. Nothing of it has been checked against the connection.
#[derive(Clone, Debug)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret<String>,
    /// The new refresh token, if the app rotates them.
    pub refresh_token: Option<Secret<String>>,
    /// Where the token may be used, as sent.
    pub instance_url: String,
    /// Whose token it is, as sent.
    pub id: String,
    /// `id`, if it is well formed.
    pub identity: Option<Identity>,
    /// When it was issued: milliseconds since the epoch, as text.
    pub issued_at: Option<String>,
    /// What the token may do, as sent.
    pub scope: Option<String>,
    /// Who consented, signed by Salesforce; only if `openid` was asked for.
    pub id_token: Option<Secret<String>>,
    /// Base64 of HMAC-SHA256 over `id` and `issued_at` with the client secret.
    pub signature: Option<String>,
}

/// What came of an exchange that gave no token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Salesforce answered; the failure says what it means, and whether a refresh token is spent.
    #[error("Salesforce answered {0:?}")]
    Answered(TokenFailure),
    /// No whole answer: whether a refresh token is spent is unknown.
    #[error("{0}")]
    Lost(String),
    /// The request could not be made; nothing was sent.
    #[error("the request could not be made: {0}")]
    NotSent(String),
}
