//! Userinfo: asks an org whether a session is alive, and whose it is.

use http::StatusCode;
use serde::Deserialize;

use super::{ExchangeError, bearer};
use crate::salesforce::ErrorCode;
use crate::salesforce::identity::Id;
use crate::secret::Secret;
use crate::transport::OneShot;

/// Salesforce's own limit is 80 characters.
const MAX_USERNAME: usize = 255;

/// What an org says of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserInfo {
    /// Alive.
    Alive {
        /// The org that it belongs to.
        org: Id,
        /// The user that it belongs to.
        user: Id,
        /// The user's name at Salesforce, if it says.
        username: Option<String>,
    },
    /// Expired, revoked or never valid.
    Dead,
    /// The org answers, and refuses for another reason.
    Refused(Option<ErrorCode>),
}

#[derive(Deserialize)]
struct Wire {
    organization_id: String,
    user_id: String,
    preferred_username: Option<String>,
}

/// Asks userinfo with this access token, by one request on `connection`. A dead session is 403 with the text
/// `Bad_OAuth_Token`.
pub async fn userinfo(access_token: &Secret<String>, connection: OneShot) -> Result<UserInfo, ExchangeError> {
    let answer = bearer::get("/services/oauth2/userinfo", access_token, connection).await?;
    let code = ErrorCode::parse(answer.body.trim_ascii());
    match answer.status {
        StatusCode::OK => alive(&answer.body),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_dead(&answer.body) => Ok(UserInfo::Dead),
        status if status.is_client_error() => Ok(UserInfo::Refused(code)),
        status => Err(ExchangeError::Lost(format!("the org answered {status}"))),
    }
}

fn alive(body: &[u8]) -> Result<UserInfo, ExchangeError> {
    let wire: Option<Wire> = serde_json::from_slice(body).ok();
    let known = wire.and_then(|wire| {
        let username = wire.preferred_username.filter(|name| name.len() <= MAX_USERNAME);
        Some((Id::parse(&wire.organization_id).ok()?, Id::parse(&wire.user_id).ok()?, username))
    });
    match known {
        Some((org, user, username)) => Ok(UserInfo::Alive { org, user, username }),
        None => Err(ExchangeError::Lost("a 200 that does not say whose session it is".to_owned())),
    }
}

fn is_dead(body: &[u8]) -> bool {
    [b"Bad_OAuth_Token".as_slice(), b"INVALID_SESSION_ID"].iter().any(|word| memchr::memmem::find(body, word).is_some())
}
