//! Where links may lead back to: the app's own addresses, named by the operator.

use std::str::FromStr;

use http::Uri;

use super::Link;

const MAX_BYTES: usize = 2048;

/// An address of the app: whatever begins with its path, on exactly its origin, may be returned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    origin: String,
    path: String,
}

impl ReturnTo {
    /// Scheme, host and port, as browsers write an origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether an address begins with this one. The path is compared segment by segment.
    pub fn allows(&self, address: &str) -> bool {
        let Some((origin, path)) = parts(address) else { return false };
        let path = path.split(['?']).next().unwrap_or_default();
        let below = path.strip_prefix(self.path.trim_end_matches('/'));
        origin == self.origin && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The origin of an address, as browsers write it.
pub(super) fn origin_of(address: &str) -> Option<String> {
    parts(address).map(|(origin, _)| origin)
}

/// Where a link leads back to, with how it ended in the query; nothing of that is secret.
pub fn return_address(link: &Link, status: &str) -> Option<String> {
    let address = link.return_to.as_ref()?;
    let joint = if address.contains('?') { '&' } else { '?' };
    Some(format!("{address}{joint}status={status}"))
}

/// Origin, and path with query. Stricter than browsers: what they would read in another way is none.
fn parts(address: &str) -> Option<(String, String)> {
    if address.len() > MAX_BYTES || !address.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    if address.contains(['\\', '#', '@']) || address.contains("..") {
        return None;
    }
    let uri: Uri = address.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let host = authority.host().to_ascii_lowercase();
    let is_loopback = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
    let default = match scheme {
        "https" => 443,
        // Only a developer's own machine.
        "http" if is_loopback => 80,
        _ => return None,
    };
    let port = match authority.port_u16() {
        Some(port) if port != default => format!(":{port}"),
        _ => String::new(),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Some((format!("{scheme}://{host}{port}"), path.to_owned()))
}

impl FromStr for ReturnTo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be an https address of the app, such as \"https://app.example.com/settings\" (http for localhost only), without query";
        let (origin, path) = parts(text).filter(|(_, path)| !path.contains('?')).ok_or(FORM)?;
        Ok(Self { origin, path })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_addresses_below_those_named_are_returned_to() {
        let allowed: ReturnTo = "https://app.example.com/settings".parse().unwrap();
        for good in ["https://app.example.com/settings", "https://APP.example.com:443/settings/crm?tab=1"] {
            assert!(allowed.allows(good), "{good}");
        }
        for bad in [
            "https://app.example.com/settingsx",
            "https://app.example.com/",
            "https://app.example.com.evil.example/settings",
            "https://app.example.com@evil.example/settings",
            "https://evil.example/settings",
            "http://app.example.com/settings",
            "https://app.example.com:8443/settings",
            "https://app.example.com/settings/../other",
            "https://app.example.com\\@evil.example/settings",
            "//app.example.com/settings",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!allowed.allows(bad), "{bad}");
        }
        let local: ReturnTo = "http://localhost:3000".parse().unwrap();
        assert!(local.allows("http://localhost:3000/anything"));
        assert_eq!(local.origin(), "http://localhost:3000");
        for bad in ["http://app.example.com", "https://x/?a=b", "app.example.com"] {
            assert!(bad.parse::<ReturnTo>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_the_origin_named_gets_through(address in "\\PC{0,60}") {
            let allowed: ReturnTo = "https://app.example.com".parse().unwrap();
            prop_assert!(!allowed.allows(&address) || address.to_ascii_lowercase().starts_with("https://app.example.com"));
        }
    }
}
