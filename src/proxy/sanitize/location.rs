//! A `Location` on the connection's own org, as the caller must see it: a path, to be asked for here. Any other location
//! is the caller's affair and stays as it is.

use crate::salesforce::Origin;

/// The path of a location within the own org; `None` if it is elsewhere, or a path already.
pub fn within(own: &Origin, location: &[u8]) -> Option<Vec<u8>> {
    let after_scheme =
        strip_prefix(location, own.scheme().as_bytes()).and_then(|rest| rest.strip_prefix(b":")).unwrap_or(location);
    let after_host = strip_prefix(after_scheme.strip_prefix(b"//")?, own.authority().as_bytes())?;
    let default_port: &[u8] = if own.is_https() { b":443" } else { b":80" };
    let rest = match after_host.strip_prefix(default_port) {
        Some(rest) if !own.authority().ends_with(&own.port().to_string()) => rest,
        _ => after_host,
    };
    match rest.first() {
        None | Some(b'/' | b'\\' | b'?' | b'#') => {}
        Some(_) => return None,
    }
    // More than one slash in front would name a host to whoever follows the path.
    let slashes = rest.iter().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
    let mut path = Vec::with_capacity(rest.len() + 1);
    path.push(b'/');
    path.extend_from_slice(&rest[slashes..]);
    Some(path)
}

fn strip_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
