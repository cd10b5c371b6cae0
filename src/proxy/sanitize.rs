//! Which headers go on, both ways. Hop-by-hop headers end here; no credential or tag of the caller's reaches the org; no
//! cookie, host policy or `Orgpass-*` header of the org reaches the caller.

use http::HeaderMap;

use crate::salesforce::InstanceUrl;

/// Removes from a request's headers what must not reach the org. `Host` stays and must be overwritten by whoever sends it.
pub fn request(_headers: &mut HeaderMap) {
    unimplemented!()
}

/// Removes from a response's headers what must not reach the caller, and turns a `Location` of the own org into a path.
pub fn response(_headers: &mut HeaderMap, _own: &InstanceUrl) {
    unimplemented!()
}

/// Whether a header's value contains the token. Ask after [`response`], which drops the org's cookies.
pub fn carries_token(_headers: &HeaderMap, _token: &[u8]) -> bool {
    unimplemented!()
}

/// Whether a body contains the token.
pub fn contains_token(_body: &[u8], _token: &[u8]) -> bool {
    unimplemented!()
}
