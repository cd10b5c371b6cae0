//! Salesforce's own error code, bounded so that it can be shown to a caller and written to a log.

use std::fmt;

/// Longest code that is believed, in bytes; Salesforce's longest known one has 49.
const MAX_BYTES: usize = 64;

/// An error code of Salesforce such as `INVALID_SESSION_ID` or `InvalidSessionId`: 1 to 64 letters, digits and `_`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ErrorCode(Box<str>);

impl ErrorCode {
    /// Takes a code from a response; `None` if it is empty, too long or has any other character.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let fits = (1..=MAX_BYTES).contains(&bytes.len());
        let plain = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let text = std::str::from_utf8(bytes).ok()?;
        (fits && plain).then(|| Self(text.into()))
    }

    /// The code as Salesforce wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_shown_is_a_code() {
        for code in ["INVALID_SESSION_ID", "InvalidSessionId", "Bad_OAuth_Token", "x"] {
            assert_eq!(ErrorCode::parse(code.as_bytes()).unwrap().as_str(), code);
        }
        for text in ["", "two words", "<b>", "a-b", "é", &"X".repeat(65)] {
            assert_eq!(ErrorCode::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(ErrorCode::parse(b"\xff"), None);
    }
}
