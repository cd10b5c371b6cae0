//! Which connection a request means. Takes every tag and every credential of the caller's out of the request, so that
//! nothing of them goes on, and refuses what is missing, doubled, malformed or contradictory.

use http::request::Parts;
use http::{HeaderName, HeaderValue};

use super::error::ProxyError;
use crate::connection::{ConnectionKey, KeyRef};
use crate::salesforce::ApiFamily;

/// The names of the tag headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagNames {
    /// Names the tenant; `Orgpass-Tenant` by default.
    pub tenant: HeaderName,
    /// Names the user of a user connection; `Orgpass-User` by default.
    pub user: HeaderName,
    /// Asserts which kind of connection is meant; `Orgpass-Credential` by default.
    pub credential: HeaderName,
}

impl Default for TagNames {
    fn default() -> Self {
        Self {
            tenant: HeaderName::from_static("orgpass-tenant"),
            user: HeaderName::from_static("orgpass-user"),
            credential: HeaderName::from_static("orgpass-credential"),
        }
    }
}

/// The connection that a request means.
#[derive(Clone, Debug)]
pub struct Identity(Source);

#[derive(Clone, Debug)]
enum Source {
    Headers { tenant: HeaderValue, user: Option<HeaderValue> },
    LocalToken(ConnectionKey),
}

impl Identity {
    /// The connection's key.
    pub fn key(&self) -> KeyRef<'_> {
        match &self.0 {
            Source::Headers { tenant, user } => {
                KeyRef::parse(tenant.as_bytes(), user.as_ref().map(HeaderValue::as_bytes))
                    .expect("the names were checked when the identity was made")
            }
            Source::LocalToken(key) => key.as_ref(),
        }
    }
}

/// Finds the connection and removes all tags and credentials from the request's headers and query. With
/// `needs_assertion`, header tags that mean the installation connection must say so.
pub fn identify(
    _parts: &mut Parts,
    _names: &TagNames,
    _family: ApiFamily,
    _needs_assertion: bool,
) -> Result<Identity, ProxyError> {
    unimplemented!()
}
