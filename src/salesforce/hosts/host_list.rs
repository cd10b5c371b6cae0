//! Lists of hosts in the configuration: each entry means a name and all names below it.

use std::str::FromStr;

use super::{HostError, url_parts};

/// One entry: a name with all below it, or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedHost(Box<str>);

/// Hosts that something holds for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostList(Vec<ListedHost>);

impl HostList {
    /// A list of these.
    pub fn new(hosts: Vec<ListedHost>) -> Self {
        Self(hosts)
    }

    /// Whether it names this host, or one above it.
    pub fn contains(&self, host: &str) -> bool {
        self.0.iter().any(|ListedHost(listed)| {
            host.strip_suffix(&**listed).is_some_and(|below| below.is_empty() || below.ends_with('.'))
        })
    }

    /// Whether it names no host.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for ListedHost {
    type Err = HostError;

    /// Reads a name such as `example.com`, which may be written `.example.com` or `*.example.com` too.
    fn from_str(text: &str) -> Result<Self, HostError> {
        let name = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
        url_parts::parse_host(name).map(|(host, _)| Self(host.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_all_below_it() {
        for written in ["my.salesforce.com", ".my.salesforce.com", "*.my.salesforce.com", "MY.Salesforce.com"] {
            let list = HostList::new(vec![written.parse().unwrap()]);
            for host in ["my.salesforce.com", "acme.my.salesforce.com", "acme--uat.sandbox.my.salesforce.com"] {
                assert!(list.contains(host), "{written}: {host}");
            }
            for host in ["salesforce.com", "acmemy.salesforce.com", "my.salesforce.com.example.com"] {
                assert!(!list.contains(host), "{written}: {host}");
            }
        }
        for wrong in ["", "*", ".", "*a.example", "a b", "https://a.example", "a.example:443", "10.0.0.0/8"] {
            assert!(wrong.parse::<ListedHost>().is_err(), "{wrong}");
        }
    }
}
