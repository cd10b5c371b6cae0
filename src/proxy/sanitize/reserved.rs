//! The names of headers that are not the other side's to set. `_` counts as `-`: servers behind gateways have taken the
//! one for the other.

/// Longest name, or beginning of one, that a reserved name can be.
const MAX_FOLDED_BYTES: usize = 32;

/// Whether a request header (in lower case) is a credential, a tag, or says who is calling: Orgpass alone decides about
/// those.
pub fn is_reserved(name: &str) -> bool {
    folded(name, |name| {
        matches!(
            name,
            "authorization"
                | "cookie"
                | "cookie2"
                | "x-sfdc-session"
                | "accesstoken"
                | "instanceurl"
                | "tenantid"
                | "forwarded"
                | "via"
                | "x-real-ip"
        ) || ["orgpass-", "proxy-", "x-forwarded-"].iter().any(|prefix| name.starts_with(prefix))
    })
}

/// Whether a request header must not go on. The first letter alone lets many names through.
pub(super) fn ends_with_a_request(name: &str) -> bool {
    match name.as_bytes().first() {
        // Expect was answered here already: the body is read only once it is wanted.
        Some(b'e') => name == "expect",
        Some(b'a' | b'f' | b'i' | b'o' | b'v' | b'x') => is_reserved(name),
        Some(b'c' | b'p' | b't') => is_hop_by_hop(name) || is_reserved(name),
        Some(b'h' | b'k' | b'u') => is_hop_by_hop(name),
        _ => false,
    }
}

/// Whether a response header must not go on.
pub(super) fn ends_with_a_response(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'a' | b'o' | b's') => speaks_for_the_orgs_host(name),
        Some(b'p') => is_hop_by_hop(name) || speaks_for_the_orgs_host(name),
        Some(b'c' | b'h' | b'k' | b't' | b'u') => is_hop_by_hop(name),
        _ => false,
    }
}

/// Whether a header is about one connection only (RFC 9110, section 7.6.1, and its customary extensions).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(name, "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade" | "http2-settings")
        || name.starts_with("proxy-")
}

/// Whether a response header would speak for the org's host where the caller sees this one, or for Orgpass.
fn speaks_for_the_orgs_host(name: &str) -> bool {
    folded(name, |name| {
        matches!(name, "set-cookie" | "set-cookie2" | "strict-transport-security" | "alt-svc")
            || name.starts_with("public-key-pins")
            || name.starts_with("orgpass-")
    })
}

/// Whether a header's name spells a known one (lower case, with `-`), with `_` counting as `-`.
pub fn spells(name: &str, known: &str) -> bool {
    name.len() == known.len() && name.bytes().map(fold).eq(known.bytes())
}

fn fold(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
}

/// Asks about a header's name with `_` folded into `-`. A longer name than any reserved one is cut: its beginning still
/// decides.
fn folded(name: &str, ask: impl Fn(&str) -> bool) -> bool {
    let bytes = name.as_bytes();
    if memchr::memchr(b'_', bytes).is_none() {
        return ask(name);
    }
    let mut buffer = [0; MAX_FOLDED_BYTES];
    for (slot, byte) in buffer.iter_mut().zip(bytes) {
        *slot = fold(*byte);
    }
    std::str::from_utf8(&buffer[..name.len().min(MAX_FOLDED_BYTES)]).is_ok_and(ask)
}
