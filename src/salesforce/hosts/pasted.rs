//! Login hosts from whatever address of Salesforce a person has at hand: a Lightning page, a setup page, a record.

use super::{HostError, LoginUrl, TrustedHosts};

/// A whole address line of a browser.
const MAX_PASTED: usize = 2048;

const VISUALFORCE: &str = ".vf.force.com";

/// UI hosts and the hosts that log in for them: the part before the suffix is the My Domain name.
const UI_SUFFIXES: [(&str, &str); 7] = [
    (".lightning.force.com", ".my.salesforce.com"),
    (".my.salesforce-setup.com", ".my.salesforce.com"),
    (".lightning.crmforce.mil", ".my.salesforce.mil"),
    (".lightning.sfcrmapps.cn", ".my.sfcrmproducts.cn"),
    (".my-lightning.com", ".my-salesforce.com"),
    (".file.force.com", ".my.salesforce.com"),
    (VISUALFORCE, ".my.salesforce.com"),
];

impl LoginUrl {
    /// The login host of the org that an address belongs to, as a person pastes it: with or without `https://`, with any
    /// path behind, of a Lightning, setup or Visualforce page, or of the org itself.
    pub fn from_pasted(text: &str, trusted: &TrustedHosts) -> Result<Self, HostError> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_PASTED {
            return Err(HostError::Name);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let authority = authority.trim_end_matches('.').to_ascii_lowercase();
        let host = UI_SUFFIXES.iter().find_map(|(ui, own)| {
            let name = authority.strip_suffix(ui).filter(|name| !name.is_empty())?;
            let name = if *ui == VISUALFORCE { without_package(name) } else { name.to_owned() };
            Some(format!("{name}{own}"))
        });
        Self::parse(&format!("{scheme}://{}", host.unwrap_or(authority)), trusted)
    }
}

/// A Visualforce host without its package (`c` for the org's own pages), which stands behind the last `--` of the first
/// label. In a sandbox the sandbox's name stands behind a `--` too, before the package.
fn without_package(name: &str) -> String {
    let (label, partition) = name.split_at(name.find('.').unwrap_or(name.len()));
    let of_org = if partition == ".sandbox" { 1 } else { 0 };
    match label.rsplit_once("--") {
        Some((org, _)) if org.matches("--").count() >= of_org => format!("{org}{partition}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn from(text: &str) -> Result<String, HostError> {
        LoginUrl::from_pasted(text, &TrustedHosts::default()).map(|login| login.to_string())
    }

    #[test]
    fn any_page_of_an_org_leads_to_its_login_host() {
        for (pasted, login) in [
            ("https://acme.lightning.force.com/lightning/r/Account/001xx/view?a=b#c", "https://acme.my.salesforce.com"),
            ("acme.lightning.force.com", "https://acme.my.salesforce.com"),
            ("  https://acme--uat.sandbox.lightning.force.com/x ", "https://acme--uat.sandbox.my.salesforce.com"),
            ("https://acme.my.salesforce-setup.com/lightning/setup", "https://acme.my.salesforce.com"),
            ("https://acme.develop.my.salesforce-setup.com/", "https://acme.develop.my.salesforce.com"),
            ("https://acme--c.vf.force.com/apex/page", "https://acme.my.salesforce.com"),
            ("acme.vf.force.com", "https://acme.my.salesforce.com"),
            ("acme--uat--c.sandbox.vf.force.com", "https://acme--uat.sandbox.my.salesforce.com"),
            ("acme--uat.sandbox.vf.force.com", "https://acme--uat.sandbox.my.salesforce.com"),
            ("acme-dev-ed--c.develop.vf.force.com", "https://acme-dev-ed.develop.my.salesforce.com"),
            ("HTTPS://ACME.my.salesforce.com/home/home.jsp", "https://acme.my.salesforce.com"),
            ("acme.lightning.crmforce.mil", "https://acme.my.salesforce.mil"),
            ("login.salesforce.com", "https://login.salesforce.com"),
            ("https://test.salesforce.com/?un=x", "https://test.salesforce.com"),
            ("acme.my.salesforce.com.", "https://acme.my.salesforce.com"),
        ] {
            assert_eq!(from(pasted).as_deref(), Ok(login), "{pasted}");
        }
    }

    #[test]
    fn what_is_not_salesforces_is_refused() {
        for pasted in [
            "",
            "acme",
            "https://evil.example/acme.my.salesforce.com",
            "https://acme.my.salesforce.com@evil.example",
            "https://acme.my.salesforce.com.evil.example",
            "https://evil.example\\.lightning.force.com",
            "javascript://acme.my.salesforce.com",
            ".lightning.force.com",
            "https://acme.my.salesforce.com:8443",
        ] {
            assert!(from(pasted).is_err(), "{pasted}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_pasted_only_salesforces_hosts_come_out(text in "\\PC{0,120}") {
            if let Ok(login) = LoginUrl::from_pasted(&text, &TrustedHosts::default()) {
                prop_assert_eq!(LoginUrl::parse(&login.to_string(), &TrustedHosts::default()), Ok(login));
            }
        }
    }
}
