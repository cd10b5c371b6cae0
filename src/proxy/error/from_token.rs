//! What a caller is told when the token engine has no token.

use super::{ProxyError, Unavailable};
use crate::token::{self, TokenError};

impl From<TokenError> for ProxyError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::NotConnected => Self::NotConnected,
            TokenError::Reauthorize(cause) => Self::Reauthorize { cause },
            TokenError::Misconfigured { cause, code } => Self::Misconfigured { cause: Some(cause), code },
            TokenError::Unavailable { reason, .. } => Self::TokenUnavailable(match reason {
                token::Unavailable::Store | token::Unavailable::RolledBack => Unavailable::Store,
                token::Unavailable::Record => Unavailable::Record,
                token::Unavailable::RateLimited => Unavailable::RateLimited,
                token::Unavailable::NoHub => Unavailable::NoHub,
                token::Unavailable::App => Unavailable::App,
                token::Unavailable::Cap => Unavailable::Cap,
                token::Unavailable::TokenEndpoint | token::Unavailable::Busy => Unavailable::Exchange,
            }),
        }
    }
}
