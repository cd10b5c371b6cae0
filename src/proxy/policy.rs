//! Which paths are relayed. A path is judged on a copy that is decoded once, with slashes collapsed and case ignored; it
//! is sent byte for byte. Whatever two servers could read in two ways is refused.

use std::borrow::Cow;

use http::Uri;
use http::uri::PathAndQuery;

use super::error::ProxyError;
use crate::salesforce::ApiFamily;

/// A path decoded once, with single slashes, free of dot segments and of anything ambiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedPath<'a>(Cow<'a, str>);

impl JudgedPath<'_> {
    /// The decoded path. Its case is as sent; compare it without.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Judges a request's raw path: what API family it belongs to, if it may be relayed at all.
pub fn judge(_path: &str) -> Result<(JudgedPath<'_>, ApiFamily), ProxyError> {
    unimplemented!()
}

/// The path and query to send: as they came, but for leading slashes, which become one (the Salesforce CLI sends two).
pub fn outgoing_path(_uri: &Uri) -> PathAndQuery {
    unimplemented!()
}
