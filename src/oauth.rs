//! The token endpoint: apps, the exchange of a refresh token, and revocation. One call sends one request; what came of
//! it is told apart into answered, and lost.

mod app;
mod refresh_token;
mod revoke;
mod signature;
mod userinfo;

pub use app::{App, Apps, SecretFile, SecretFileError};
pub use refresh_token::refresh;
pub use revoke::revoke;
pub use signature::signature_fits;
pub use userinfo::{UserInfo, userinfo};

use crate::salesforce::identity::Identity;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;

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
    /// Base64 of HMAC-SHA256 over `id` and `issued_at` with the client secret.
    pub signature: Option<String>,
}

/// What came of an exchange that gave no token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Salesforce answered; the failure says whether the refresh token is spent.
    #[error("Salesforce answered {0:?}")]
    Answered(TokenFailure),
    /// No whole answer: whether the refresh token is spent is unknown.
    #[error("{0}")]
    Lost(String),
    /// The request could not be made; nothing was sent.
    #[error("the request could not be made: {0}")]
    NotSent(String),
}
