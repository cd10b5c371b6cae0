//! Which way the outbound client takes to a host: directly, or through an HTTP proxy of the operator's. Calls and exchanges
//! may take different ones, since it is exchanges that Salesforce's list of addresses for refresh tokens is about.

use std::fmt;

use super::EgressUrl;
use crate::salesforce::hosts::{HostList, Origin};
use crate::secret::SecretFile;

/// The ways out.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    /// What calls go through, and webhooks.
    pub calls: Option<EgressProxy>,
    /// What exchanges go through, and all else that is said to a token endpoint or asked about a session.
    pub exchanges: Option<EgressProxy>,
    /// Hosts that are dialled directly all the same.
    pub direct: HostList,
}

/// An HTTP proxy that opens tunnels.
#[derive(Clone, Debug)]
pub struct EgressProxy {
    /// Where it is.
    pub url: EgressUrl,
    /// One line `USER:PASSWORD`, read anew for each tunnel.
    pub credentials: Option<SecretFile>,
    /// What the configuration calls it: its keys begin with that.
    pub name: &'static str,
}

impl Egress {
    /// What a call to this host goes through.
    pub fn of_call(&self, to: &Origin) -> Option<&EgressProxy> {
        self.unless_direct(self.calls.as_ref(), to)
    }

    /// What an exchange with this host goes through.
    pub fn of_exchange(&self, to: &Origin) -> Option<&EgressProxy> {
        self.unless_direct(self.exchanges.as_ref(), to)
    }

    /// Each proxy once.
    pub fn proxies(&self) -> impl Iterator<Item = &EgressProxy> {
        let other = self.exchanges.as_ref().filter(|other| self.calls.as_ref().is_none_or(|it| it.name != other.name));
        self.calls.iter().chain(other)
    }

    /// A proxy elsewhere knows another loopback, and what is not TLS it could read.
    fn unless_direct<'a>(&self, proxy: Option<&'a EgressProxy>, to: &Origin) -> Option<&'a EgressProxy> {
        proxy.filter(|_| to.is_https() && !to.is_loopback() && !self.direct.contains(to.host()))
    }
}

impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = |proxy: &Option<EgressProxy>| match proxy {
            Some(proxy) => format!("through {}", proxy.url),
            None => "directly".to_owned(),
        };
        write!(f, "calls {}, exchanges {}", way(&self.calls), way(&self.exchanges))
    }
}

impl EgressProxy {
    /// The key that names its address.
    pub fn url_key(&self) -> String {
        format!("salesforce.{}_url", self.name)
    }

    /// The key that names its credentials.
    pub fn credentials_key(&self) -> String {
        format!("salesforce.{}_credentials_file", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::hosts::{InstanceUrl, TrustedHosts};

    #[test]
    fn a_proxy_carries_tls_to_hosts_elsewhere_that_are_not_listed() {
        let proxy = |port: u16| {
            let url = format!("http://proxy:{port}").parse().unwrap();
            Some(EgressProxy { url, credentials: None, name: "proxy" })
        };
        let direct = HostList::new(vec!["globex.my.salesforce.com".parse().unwrap()]);
        let egress = Egress { calls: proxy(1), exchanges: proxy(2), direct };
        let names = ["127.0.0.1", "localhost", "::1", "salesforce.internal"];
        let trusted = TrustedHosts::new(names.map(|name| name.parse().unwrap()).to_vec());
        for (url, goes_through) in [
            ("https://acme.my.salesforce.com", true),
            ("https://salesforce.internal:8443", true),
            ("https://globex.my.salesforce.com", false),
            ("http://127.0.0.1:9000", false),
            ("https://127.0.0.1:9000", false),
            ("https://localhost:9000", false),
            ("https://[::1]:9000", false),
        ] {
            let url = InstanceUrl::parse(url, &trusted).unwrap();
            let port = |proxy: Option<&EgressProxy>| proxy.map(|proxy| proxy.url.port());
            assert_eq!(port(egress.of_call(&url)), goes_through.then_some(1), "{url}");
            assert_eq!(port(egress.of_exchange(&url)), goes_through.then_some(2), "{url}");
        }
    }
}
