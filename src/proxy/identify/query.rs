//! Credentials in the query of a URL. They are taken out; the rest of the query stays byte for byte.

use std::borrow::Cow;

use http::Uri;
use http::uri::PathAndQuery;
use url::form_urlencoded;

use crate::connection::{LocalToken, LocalTokenError};
use crate::proxy::error::{Place, TagFault};

/// Where Salesforce itself reads a token from the query.
pub(super) const OAUTH_TOKEN: &str = "oauth_token";

/// Names that mean a credential elsewhere, but may be a parameter of an org's own Apex code: only taken for a credential
/// when the value has the shape of a token.
const PERHAPS_TOKENS: [&str; 2] = ["access_token", "sid"];

/// Gives each credential in the query to `found` and returns the URL without them, or `None` if there is none.
pub(super) fn take_credentials(
    uri: &Uri,
    mut found: impl FnMut(&'static str, Result<LocalToken, LocalTokenError>) -> Result<(), TagFault>,
) -> Result<Option<Uri>, TagFault> {
    let Some(query) = uri.query() else { return Ok(None) };
    if !query.split('&').any(|piece| parameter(piece).is_some()) {
        return Ok(None);
    }
    let mut seen: Vec<&str> = Vec::new();
    let mut rest = String::with_capacity(uri.path().len() + query.len() + 1);
    rest.push_str(uri.path());
    let mut separator = '?';
    for piece in query.split('&') {
        let Some((name, value)) = parameter(piece) else {
            rest.push(separator);
            rest.push_str(piece);
            separator = '&';
            continue;
        };
        if seen.contains(&name) {
            return Err(TagFault::Repeated(Place::Parameter(name)));
        }
        seen.push(name);
        found(name, LocalToken::parse(value.as_bytes()))?;
    }
    let target = PathAndQuery::try_from(rest).expect("what was a path and query is one with fewer parameters too");
    Ok(Some(Uri::from(target)))
}

/// The credential in one piece of a query, with its value decoded.
fn parameter(piece: &str) -> Option<(&'static str, Cow<'_, str>)> {
    let name = piece.split('=').next().unwrap_or_default();
    let (name, _) = form_urlencoded::parse(name.as_bytes()).next()?;
    let known = [OAUTH_TOKEN].into_iter().chain(PERHAPS_TOKENS).find(|known| name.eq_ignore_ascii_case(known))?;
    let (_, value) = form_urlencoded::parse(piece.as_bytes()).next()?;
    (known == OAUTH_TOKEN || has_shape_of_token(&value)).then_some((known, value))
}

/// Session ids and opaque access tokens (and so local tokens) are `ORGID!...`, the others are JSON Web Tokens.
fn has_shape_of_token(value: &str) -> bool {
    let is_session = value.starts_with("00D") && value.contains('!');
    let is_jwt = value.starts_with("eyJ") && value.contains('.');
    is_session || is_jwt
}
