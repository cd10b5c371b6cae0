//! Which headers go on, both ways. Hop-by-hop headers end here; no credential or tag of the caller's reaches the org; no
//! cookie, host policy or `Orgpass-*` header of the org reaches the caller.

mod location;
mod reserved;
#[cfg(test)]
mod tests;

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_LOCATION, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;

use crate::salesforce::Origin;

pub use location::within as path_within;
pub use reserved::{is_reserved, spells};

/// Shortest part of a token that is searched for by itself.
const MIN_NEEDLE_BYTES: usize = 16;

/// Removes from a request's headers what must not reach the org. `Host` stays and must be overwritten by whoever sends it.
pub fn request(headers: &mut HeaderMap) {
    remove_named_by_connection(headers);
    // Expect was answered here already: the body is read only once it is wanted.
    remove_all(headers, reserved::ends_with_a_request);
}

/// Removes from a response's headers what must not reach the caller, and turns a `Location` of the own org into a path.
pub fn response(headers: &mut HeaderMap, own: &Origin) {
    remove_named_by_connection(headers);
    if remove_all(headers, reserved::ends_with_a_response) {
        // The body is read by its chunks, whatever a length beside them says (RFC 9112, section 6.3).
        headers.remove(CONTENT_LENGTH);
    }
    for name in [LOCATION, CONTENT_LOCATION] {
        let Some(value) = headers.get_mut(&name) else { continue };
        if let Some(path) = location::within(own, value.as_bytes()) {
            // A slice of a header value with a slash in front is one too.
            *value = HeaderValue::from_bytes(&path).expect("a part of a header value is one");
        }
    }
}

/// Makes one length of several that are the same, for an answer without a body: of others it is read with that. False if
/// they differ.
pub fn settle_length(headers: &mut HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return true };
    let mut others = lengths.peekable();
    if others.peek().is_none() {
        return true;
    }
    let (first, agree) = (first.clone(), others.all(|other| other == first));
    headers.insert(CONTENT_LENGTH, first);
    agree
}

/// Whether a header's value contains the token. Ask after [`response`], which drops the org's cookies.
pub fn carries_token(headers: &HeaderMap, token: &[u8]) -> bool {
    let needle = needle(token);
    headers.values().any(|value| value.len() >= needle.len() && memmem::find(value.as_bytes(), needle).is_some())
}

/// Whether a body contains the token.
pub fn contains_token(body: &[u8], token: &[u8]) -> bool {
    memmem::find(body, needle(token)).is_some()
}

/// The part of a token that is worth searching for. What follows the `!` of an opaque token is the secret, and looks
/// the same percent-encoded.
fn needle(token: &[u8]) -> &[u8] {
    let secret = memchr::memrchr(b'!', token).map_or(token, |bang| &token[bang + 1..]);
    if secret.len() >= MIN_NEEDLE_BYTES { secret } else { token }
}

fn remove_named_by_connection(headers: &mut HeaderMap) {
    let names_nothing = |value: &HeaderValue| {
        value.as_bytes().eq_ignore_ascii_case(b"keep-alive") || value.as_bytes().eq_ignore_ascii_case(b"close")
    };
    if headers.get_all(CONNECTION).iter().all(names_nothing) {
        return;
    }
    let values: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
    for named in values.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
        if let Ok(name) = std::str::from_utf8(named.trim_ascii()) {
            headers.remove(name);
        }
    }
}

/// Removes every header that `ends_here`, in rounds of a few, so that nothing is allocated when there is nothing to do.
/// Tells whether there was one about the framing.
fn remove_all(headers: &mut HeaderMap, ends_here: impl Fn(&str) -> bool) -> bool {
    let mut is_framed = false;
    loop {
        let mut round: [Option<HeaderName>; 8] = [const { None }; 8];
        let mut ending = headers.keys().filter(|name| ends_here(name.as_str()));
        for (slot, name) in round.iter_mut().zip(&mut ending) {
            *slot = Some(name.clone());
        }
        let more = round.iter().all(Option::is_some);
        for name in round.into_iter().flatten() {
            is_framed |= name == TRANSFER_ENCODING;
            headers.remove(name);
        }
        if !more {
            return is_framed;
        }
    }
}
