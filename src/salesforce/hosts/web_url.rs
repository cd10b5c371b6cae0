//! Addresses of other people's servers, which the hub tells of changes: checked like every host that is dialled, but for the
//! list of Salesforce's own.

use std::fmt;
use std::ops::Deref;

use super::{HostError, Origin, TrustedHosts};

const MAX_BYTES: usize = 2048;

/// An https address with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUrl {
    origin: Origin,
    path: String,
}

impl WebUrl {
    /// Parses an address. Ports other than 443, addresses in place of names and plain http are for trusted hosts only, as
    /// everywhere.
    pub fn parse(text: &str, trusted: &TrustedHosts) -> Result<Self, HostError> {
        if text.len() > MAX_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('#') {
            return Err(HostError::Name);
        }
        let begins = text.find("://").ok_or(HostError::Scheme)? + 3;
        let ends = text[begins..].find(['/', '?']).map_or(text.len(), |at| begins + at);
        let (origin, path) = text.split_at(ends);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        // As it will be sent.
        if path.parse::<http::Uri>().is_err() {
            return Err(HostError::Path);
        }
        Ok(Self { origin: Origin::parse(origin, trusted, |_| Ok(()))?, path })
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl Deref for WebUrl {
    type Target = Origin;
    fn deref(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, HostError> {
        WebUrl::parse(text, &TrustedHosts::new(vec!["127.0.0.1".parse().unwrap()])).map(|url| url.to_string())
    }

    #[test]
    fn only_what_can_be_dialled_safely_is_an_address() {
        assert_eq!(parse("https://hooks.example.com/a?b=c").as_deref(), Ok("https://hooks.example.com/a?b=c"));
        assert_eq!(parse("https://hooks.example.com").as_deref(), Ok("https://hooks.example.com/"));
        assert_eq!(parse("http://127.0.0.1:9000/hook").as_deref(), Ok("http://127.0.0.1:9000/hook"));
        for bad in [
            "http://hooks.example.com/",
            "https://hooks.example.com:8443/",
            "https://10.0.0.1/",
            "https://user@hooks.example.com/",
            "https://hooks.example.com/#x",
            "https://hooks.example.com/a b",
            "file:///etc/passwd",
            "hooks.example.com",
            "",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_parsed_reads_the_same_again(text in "https?://\\PC{0,60}") {
            if let Ok(url) = parse(&text) {
                prop_assert_eq!(parse(&url), Ok(url));
            }
        }
    }
}
