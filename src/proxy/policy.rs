//! Which paths are relayed. A path is judged on a copy that is decoded once, with slashes collapsed and case ignored; it
//! is sent byte for byte. Whatever two servers could read in two ways is refused.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use http::Uri;
use http::uri::PathAndQuery;

use super::error::{PathFault, ProxyError};
use crate::salesforce::{ApiFamily, Resource, Target};

/// The first segments decide what a path is, so that a slash in them must be a plain one.
const DECIDING_SEGMENTS: usize = 3;

/// A path decoded once, with single slashes, free of dot segments and of anything ambiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedPath<'a>(Cow<'a, str>);

impl JudgedPath<'_> {
    /// The decoded path. Its case is as sent; compare it without.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Judges a request's raw path: what it asks for, if that may be relayed at all.
pub fn judge(path: &str) -> Result<(JudgedPath<'_>, Resource), ProxyError> {
    judge_as(path, ApiFamily::of, PathFault::Unknown)
}

/// The same for a call that is for a target in place of the org.
pub fn judge_at(target: Target, path: &str) -> Result<(JudgedPath<'_>, Resource), ProxyError> {
    judge_as(path, |path| target.resource(path), PathFault::NotOfTarget(target))
}

fn judge_as(
    path: &str,
    resource: impl FnOnce(&str) -> Resource,
    unknown: PathFault,
) -> Result<(JudgedPath<'_>, Resource), ProxyError> {
    if !path.starts_with('/') {
        return Err(unknown.into());
    }
    let judged = if is_plain(path) { Cow::Borrowed(path) } else { Cow::Owned(decode(path)?) };
    let fault = match resource(&judged) {
        resource @ (Resource::Relayed(_) | Resource::Soap(_) | Resource::Local(_)) => {
            return Ok((JudgedPath(judged), resource));
        }
        Resource::Credentials => PathFault::Credentials,
        Resource::Unknown => unknown,
    };
    Err(fault.into())
}

/// The path and query to send: as they came, but for leading slashes, which become one (the Salesforce CLI sends two).
pub fn outgoing_path(uri: &Uri) -> PathAndQuery {
    let Some(given) = uri.path_and_query() else { return PathAndQuery::from_static("/") };
    if !given.as_str().starts_with("//") {
        return given.clone();
    }
    let collapsed = format!("/{}", given.as_str().trim_start_matches('/'));
    PathAndQuery::try_from(collapsed).expect("what was a path and query is one with fewer slashes too")
}

/// Whether a path means the same decoded or not; nearly all do.
fn is_plain(path: &str) -> bool {
    let mut after_slash = false;
    path.bytes().all(|byte| {
        let doubled = after_slash && matches!(byte, b'/' | b'.');
        after_slash = byte == b'/';
        PLAIN[usize::from(byte)] && !doubled
    })
}

/// The bytes of a path that mean themselves to every server.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        plain[byte as usize] = !matches!(byte, b'%' | b'\\' | b';');
        byte += 1;
    }
    plain
};

fn decode(path: &str) -> Result<String, PathFault> {
    let mut deciding = path.split('/').filter(|segment| !segment.is_empty()).take(DECIDING_SEGMENTS);
    if deciding.any(|segment| segment.contains("%2f") || segment.contains("%2F")) {
        return Err(PathFault::EncodedSlash);
    }
    let decoded = String::from_utf8(decode_once(path)?).map_err(|_| PathFault::Encoding)?;
    if decoded.contains(|c: char| c.is_control() || c == '\\' || c == ';') {
        return Err(PathFault::Character);
    }
    let encoded_twice = decoded.match_indices('%').any(|(at, _)| escape(&decoded.as_bytes()[at..]).is_some());
    if encoded_twice {
        return Err(PathFault::Encoding);
    }
    let mut collapsed = String::with_capacity(decoded.len());
    for segment in decoded.split('/').filter(|segment| !segment.is_empty()) {
        if matches!(segment, "." | "..") {
            return Err(PathFault::DotSegment);
        }
        collapsed.push('/');
        collapsed.push_str(segment);
    }
    if collapsed.is_empty() || decoded.ends_with('/') {
        collapsed.push('/');
    }
    Ok(collapsed)
}

fn decode_once(path: &str) -> Result<Vec<u8>, PathFault> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = tail;
            continue;
        }
        decoded.push(escape(rest).ok_or(PathFault::Encoding)?);
        rest = &rest[3..];
    }
    Ok(decoded)
}

/// The byte that `%HH` at the start stands for.
fn escape(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else { return None };
    let digit = |hex: &u8| char::from(*hex).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

impl From<PathFault> for ProxyError {
    fn from(fault: PathFault) -> Self {
        Self::PathRefused(fault)
    }
}
