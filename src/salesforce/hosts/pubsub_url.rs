//! The address of the Pub/Sub API, which serves all orgs of a region.

use std::fmt;
use std::ops::Deref;

use super::{HostError, Origin, TrustedHosts};

/// Beside 443, the port that Salesforce's documentation names.
const PORT: u16 = 7443;
const HOST: &str = "api.pubsub.salesforce.com";

/// Where the Pub/Sub API is. Every connection's token goes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PubSubUrl(Origin);

impl PubSubUrl {
    /// Parses an address: a host below `pubsub.salesforce.com`, at port 443 or 7443, or a trusted one.
    pub fn parse(text: &str, trusted: &TrustedHosts) -> Result<Self, HostError> {
        let serves = |host: &str| host.strip_suffix(".pubsub.salesforce.com").is_some_and(|name| !name.is_empty());
        let check = |host: &str| if serves(host) { Ok(()) } else { Err(HostError::NotSalesforce) };
        Origin::parse_with_port(text, trusted, Some(PORT), check).map(Self)
    }
}

impl Default for PubSubUrl {
    fn default() -> Self {
        let url = format!("https://{HOST}:{PORT}");
        Self::parse(&url, &TrustedHosts::default()).expect("Salesforce's own address is one of Salesforce's")
    }
}

impl Deref for PubSubUrl {
    type Target = Origin;
    fn deref(&self) -> &Origin {
        &self.0
    }
}

impl fmt::Display for PubSubUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_salesforces_own_or_trusted_hosts_serve_it() {
        let trusted = TrustedHosts::new(vec!["127.0.0.1".parse().unwrap()]);
        let parse = |text: &str| PubSubUrl::parse(text, &trusted).map(|url| url.to_string());
        assert_eq!(PubSubUrl::default().to_string(), "https://api.pubsub.salesforce.com:7443");
        for good in [
            "https://api.pubsub.salesforce.com",
            "https://api.deu.pubsub.salesforce.com:7443",
            "https://127.0.0.1:8443",
            "http://127.0.0.1:8080",
        ] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        for bad in [
            "https://pubsub.salesforce.com",
            "https://evilpubsub.salesforce.com",
            "https://api.pubsub.salesforce.com.evil.example",
            "https://api.pubsub.salesforce.com:8443",
            "http://api.pubsub.salesforce.com:7443",
            "https://acme.my.salesforce.com",
            "https://acme.my.salesforce.com:7443",
            "https://10.0.0.1:7443",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let instance = crate::salesforce::InstanceUrl::parse("https://acme.my.salesforce.com:7443", &trusted);
        assert_eq!(instance, Err(HostError::Port), "the port is the Pub/Sub API's alone");
    }
}
