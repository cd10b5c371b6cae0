//! The address of an HTTP proxy through which the process reaches the world. It gets no credential for Salesforce: what
//! goes to a host there is TLS from end to end, inside of a tunnel.

use std::fmt;
use std::str::FromStr;

use crate::salesforce::{HostError, Origin};

/// Host and port of an HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressUrl(Origin);

/// The text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressUrlError {
    /// A password in the URL would stand in the configuration in the clear.
    #[error(
        "must not contain a user or password: put them into a file as one line USER:PASSWORD, and name it in the key of \
         the same name that ends in credentials_file instead of url"
    )]
    Credentials,
    /// Another scheme, or none.
    #[error("must be http://HOST:PORT, or direct: TLS to Salesforce goes through the proxy, not to it")]
    Scheme,
    /// Not a host and port.
    #[error("must be http://HOST:PORT, or direct")]
    Form,
}

impl EgressUrl {
    /// The host name in lower case, or an address; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        self.0.host()
    }

    /// The port, given or 80.
    pub fn port(&self) -> u16 {
        self.0.port()
    }
}

impl FromStr for EgressUrl {
    type Err = EgressUrlError;

    fn from_str(text: &str) -> Result<Self, EgressUrlError> {
        // Also where the rest is no URL: what stands before the sign must not be shown.
        if text.contains('@') {
            return Err(EgressUrlError::Credentials);
        }
        let origin = Origin::of_any_host(text).map_err(|error| match error {
            HostError::Scheme => EgressUrlError::Scheme,
            _ => EgressUrlError::Form,
        })?;
        if origin.is_https() {
            return Err(EgressUrlError::Scheme);
        }
        Ok(Self(origin))
    }
}

impl fmt::Display for EgressUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.host(), self.port());
        if host.contains(':') { write!(f, "http://[{host}]:{port}") } else { write!(f, "http://{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_host_and_a_port_and_nothing_else() {
        for (text, shown) in [
            ("http://proxy.corp.example:3128", "http://proxy.corp.example:3128"),
            ("http://PROXY:3128/", "http://proxy:3128"),
            ("http://10.1.2.3:8080", "http://10.1.2.3:8080"),
            ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
            ("http://proxy", "http://proxy:80"),
        ] {
            assert_eq!(text.parse::<EgressUrl>().unwrap().to_string(), shown);
        }
        for (text, error) in [
            ("http://me:S3CRET@proxy:3128", EgressUrlError::Credentials),
            ("me:S3CRET@proxy:3128", EgressUrlError::Credentials),
            ("http://me:S3/CRET@proxy:3128", EgressUrlError::Credentials),
            ("https://proxy:3128", EgressUrlError::Scheme),
            ("socks5://proxy:1080", EgressUrlError::Scheme),
            ("proxy:3128", EgressUrlError::Scheme),
            ("http://proxy:3128/x", EgressUrlError::Form),
            ("http://proxy:0", EgressUrlError::Form),
            ("http://", EgressUrlError::Form),
        ] {
            assert_eq!(text.parse::<EgressUrl>(), Err(error), "{text}");
            assert!(!error.to_string().contains("S3"));
        }
    }
}
