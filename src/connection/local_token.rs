//! The local token: what a caller's client library is given in place of an access token. It names a connection and is
//! worth nothing anywhere else. Its shape is the one that real Salesforce clients insist on: org id, `!`, then only
//! letters, digits, `.` and `_`. Only the canonical spelling is accepted, so that two texts never mean one connection.

use std::fmt::Write;

use super::{ConnectionKey, KeyRef, MAX_NAME_BYTES, NameError};

/// Stands for the org id while it is not known; it is never compared on the way in.
pub const UNKNOWN_ORG: &str = "00D000000000000";

const WORD: &[u8] = b"orgpass";
const ORG_ID_LENGTHS: [usize; 2] = [15, 18];
const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A local token read from a request, with its escapes undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalToken {
    /// The connection that it names.
    pub key: ConnectionKey,
}

/// Why a token that starts like a local token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalTokenError {
    /// It is not a local token at all: some other credential.
    #[error("is not a local token")]
    Foreign,
    /// It has more or fewer parts than tenant and at most one user.
    #[error("must be ORGID!orgpass.TENANT or ORGID!orgpass.TENANT.USER")]
    Parts,
    /// An escape is not `_HH` in upper-case hex, or escapes a letter or digit.
    #[error("has a wrong escape; each byte outside [A-Za-z0-9] is _HH in upper-case hex, and no other is")]
    Escape,
    /// A part is not a valid name.
    #[error("a part {0}")]
    Name(NameError),
}

impl LocalToken {
    /// Writes the token for a connection of an org (18 characters, or [`UNKNOWN_ORG`]).
    pub fn format(org_id: &str, key: &ConnectionKey) -> String {
        format!("{org_id}!orgpass.{}", key.encode())
    }

    /// Reads a token from a request. Anything without the `ORGID!orgpass` beginning is [`LocalTokenError::Foreign`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LocalTokenError> {
        let bang = memchr::memchr(b'!', bytes).ok_or(LocalTokenError::Foreign)?;
        let (org, rest) = (&bytes[..bang], &bytes[bang + 1..]);
        let is_org =
            ORG_ID_LENGTHS.contains(&org.len()) && org.starts_with(b"00D") && org.iter().all(u8::is_ascii_alphanumeric);
        let rest = rest.strip_prefix(WORD).ok_or(LocalTokenError::Foreign)?;
        if !is_org || !(rest.is_empty() || rest.starts_with(b".")) {
            return Err(LocalTokenError::Foreign);
        }
        let key = decode_key(rest.strip_prefix(b".").ok_or(LocalTokenError::Parts)?)?;
        Ok(Self { key })
    }
}

pub(super) fn encode_key(key: KeyRef<'_>) -> String {
    let mut text = String::with_capacity(key.tenant().len() + 16);
    escape(key.tenant(), &mut text);
    if let Some(user) = key.user() {
        text.push('.');
        escape(user, &mut text);
    }
    text
}

pub(super) fn decode_key(text: &[u8]) -> Result<ConnectionKey, LocalTokenError> {
    // Longest possible: two names, each byte escaped, and the dot. Bounds the work on hostile input.
    if text.len() > 2 * 3 * MAX_NAME_BYTES + 1 {
        return Err(LocalTokenError::Name(NameError::TooLong));
    }
    let mut parts = text.split(|byte| *byte == b'.');
    let tenant = unescape(parts.next().unwrap_or_default())?;
    let user = parts.next().map(unescape).transpose()?;
    if parts.next().is_some() {
        return Err(LocalTokenError::Parts);
    }
    let key = KeyRef::parse(&tenant, user.as_deref()).map_err(LocalTokenError::Name)?;
    Ok(key.to_owned())
}

fn escape(name: &str, out: &mut String) {
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            write!(out, "_{byte:02X}").expect("writing to a String cannot fail");
        }
    }
}

fn unescape(part: &[u8]) -> Result<Vec<u8>, LocalTokenError> {
    let mut name = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte.is_ascii_alphanumeric() {
            name.push(byte);
            rest = tail;
            continue;
        }
        let [high, low, tail @ ..] = tail else {
            return Err(LocalTokenError::Escape);
        };
        let digit = |hex: &u8| UPPER_HEX.iter().position(|known| known == hex);
        let (b'_', Some(high), Some(low)) = (byte, digit(high), digit(low)) else {
            return Err(LocalTokenError::Escape);
        };
        let escaped = u8::try_from(high * 16 + low).expect("two hex digits make one byte");
        if escaped.is_ascii_alphanumeric() {
            return Err(LocalTokenError::Escape);
        }
        name.push(escaped);
        rest = tail;
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(tenant: &str, user: Option<&str>) -> ConnectionKey {
        ConnectionKey::parse(tenant, user).unwrap()
    }

    #[test]
    fn the_documented_token_is_written_and_read() {
        let key = key("acme", Some("u-17"));
        let text = LocalToken::format("00Dxx0000001gPLEAY", &key);
        assert_eq!(text, "00Dxx0000001gPLEAY!orgpass.acme.u_2D17");
        assert_eq!(LocalToken::parse(text.as_bytes()).unwrap().key, key);
    }

    #[test]
    fn only_the_canonical_spelling_is_accepted() {
        for (rest, error) in [
            ("orgpass.acme.u_2d17", LocalTokenError::Escape),
            ("orgpass._61cme", LocalTokenError::Escape),
            ("orgpass.acme.u-17", LocalTokenError::Escape),
            ("orgpass.acme._2", LocalTokenError::Escape),
            ("orgpass.acme.u.v", LocalTokenError::Parts),
            ("orgpass", LocalTokenError::Parts),
            ("orgpass.", LocalTokenError::Name(NameError::Empty)),
            ("orgpass.acme.", LocalTokenError::Name(NameError::Empty)),
            ("orgpass.acme._20", LocalTokenError::Name(NameError::NotVisibleAscii)),
            ("orgpassx.acme", LocalTokenError::Foreign),
            ("AQcAQcExample.token", LocalTokenError::Foreign),
        ] {
            let text = format!("{UNKNOWN_ORG}!{rest}");
            assert_eq!(LocalToken::parse(text.as_bytes()), Err(error), "{text}");
        }
        assert_eq!(LocalToken::parse(b"eyJhbGciOi.x.y"), Err(LocalTokenError::Foreign));
        assert_eq!(LocalToken::parse(b"00Dshort!orgpass.acme"), Err(LocalTokenError::Foreign));
    }

    proptest! {
        #[test]
        fn every_key_survives_encoding(tenant in "[!-~]{1,128}", user in proptest::option::of("[!-~]{1,128}")) {
            let key = key(&tenant, user.as_deref());
            let text = LocalToken::format(UNKNOWN_ORG, &key);
            prop_assert!(text[UNKNOWN_ORG.len() + 1..].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_'));
            prop_assert_eq!(LocalToken::parse(text.as_bytes()).unwrap().key, key);
        }

        #[test]
        fn two_spellings_never_name_one_connection(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut text = format!("{UNKNOWN_ORG}!orgpass.").into_bytes();
            text.extend(&bytes);
            if let Ok(token) = LocalToken::parse(&text) {
                prop_assert_eq!(LocalToken::format(UNKNOWN_ORG, &token.key).into_bytes(), text);
            }
        }
    }
}
