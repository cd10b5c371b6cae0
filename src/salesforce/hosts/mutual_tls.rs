//! Where an org asks for a client certificate: on a port of its own.

use super::{Origin, is_org_host};

/// Salesforce Help, "Configure Your API Client to Use Mutual Authentication": logins at the My Domain and calls go there.
const PORT: u16 = 8443;

impl Origin {
    /// The same host where it asks for client certificates, if that is another place: an org's of Salesforce's own.
    pub fn asking_for_certificates(&self) -> Option<Self> {
        let is_orgs = self.https && self.port == 443 && is_org_host(&self.host);
        is_orgs.then(|| Self { port: PORT, authority: format!("{}:{PORT}", self.host).into(), ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{InstanceUrl, LoginUrl, TrustedHosts};

    #[test]
    fn only_orgs_have_such_a_place() {
        let trusted = TrustedHosts::new(vec!["sf.internal".parse().unwrap()]);
        let acme = InstanceUrl::parse("https://acme.my.salesforce.com", &trusted).unwrap();
        assert_eq!(acme.asking_for_certificates().unwrap().authority(), "acme.my.salesforce.com:8443");
        let elsewhere = InstanceUrl::parse("https://sf.internal", &trusted).unwrap();
        assert_eq!(elsewhere.asking_for_certificates(), None);
        let login = LoginUrl::parse("https://login.salesforce.com", &trusted).unwrap();
        assert_eq!(login.asking_for_certificates(), None);
    }
}
