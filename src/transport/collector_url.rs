//! The address of a collector of traces, which is the operator's own: no credential for Salesforce ever goes there, so it
//! may be any host, in the clear too.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::salesforce::{HostError, Origin};

const MAX_BYTES: usize = 2048;

/// A host, with the path below which it takes what is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorUrl {
    origin: Origin,
    /// Without a slash at the end.
    path: Box<str>,
}

/// The text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be where the collector takes OTLP over HTTP, such as http://127.0.0.1:4318; no user, query or fragment")]
pub struct CollectorUrlError;

impl CollectorUrl {
    /// The path of one kind of export, such as `/v1/traces`.
    pub fn path_of(&self, kind: &str) -> String {
        format!("{}{kind}", self.path)
    }
}

impl FromStr for CollectorUrl {
    type Err = CollectorUrlError;

    fn from_str(text: &str) -> Result<Self, CollectorUrlError> {
        if text.len() > MAX_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['?', '#']) {
            return Err(CollectorUrlError);
        }
        let begins = text.find("://").ok_or(CollectorUrlError)? + 3;
        let ends = text[begins..].find('/').map_or(text.len(), |at| begins + at);
        let (origin, path) = text.split_at(ends);
        let path = path.trim_end_matches('/');
        if !path.is_empty() && path.parse::<http::Uri>().is_err() {
            return Err(CollectorUrlError);
        }
        let origin = Origin::of_any_host(origin).map_err(|_: HostError| CollectorUrlError)?;
        Ok(Self { origin, path: path.into() })
    }
}

impl Deref for CollectorUrl {
    type Target = Origin;
    fn deref(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Display for CollectorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_may_be_anywhere_and_take_exports_below_a_path() {
        for (text, path) in [
            ("http://127.0.0.1:4318", "/v1/traces"),
            ("http://otel-collector.monitoring:4318/", "/v1/traces"),
            ("http://[::1]:4318", "/v1/traces"),
            ("https://otlp.example.com/otlp/", "/otlp/v1/traces"),
        ] {
            let url: CollectorUrl = text.parse().unwrap();
            assert_eq!(url.path_of("/v1/traces"), path);
            assert_eq!(url.to_string(), text.trim_end_matches('/'));
        }
        for bad in [
            "collector:4318",
            "grpc://collector:4317",
            "http://me@collector",
            "http://c/?k=v",
            "http://c/#x",
            "http://c/ x",
        ] {
            assert_eq!(bad.parse::<CollectorUrl>(), Err(CollectorUrlError), "{bad}");
        }
    }
}
