//! Keys of `[salesforce]` that say which way goes out: egress proxies, and hosts that are reached without one.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::salesforce::hosts::{HostList, ListedHost};
use crate::secret::SecretFile;
use crate::settings::Section;
use crate::transport::{Egress, EgressProxy, EgressUrl};

/// In place of a URL.
const DIRECT: &str = "direct";

/// What everybody else calls `salesforce.proxy_url` and `salesforce.no_proxy`.
const PROXY_VARIABLES: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const DIRECT_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Takes the keys. Exchanges go the way of calls unless they have one of their own.
pub(super) fn read(section: &mut Section<'_>) -> Egress {
    let calls = way(section, "proxy", "proxy_url", "proxy_credentials_file").flatten();
    let exchanges = way(section, "exchange_proxy", "exchange_proxy_url", "exchange_proxy_credentials_file");
    let direct = HostList::new(section.list("no_proxy"));
    Egress { exchanges: exchanges.unwrap_or_else(|| calls.clone()), calls, direct }
}

/// One way, if it is said which: through a proxy or directly.
fn way(
    section: &mut Section<'_>,
    name: &'static str,
    url_key: &'static str,
    credentials_key: &'static str,
) -> Option<Option<EgressProxy>> {
    let said = section.text(url_key);
    let credentials = section.file(credentials_key).map(SecretFile::new);
    let url = match said.as_deref() {
        None | Some(DIRECT) => None,
        Some(text) => match text.parse::<EgressUrl>() {
            Ok(url) => Some(url),
            Err(error) => {
                section.fault(url_key, error);
                return None;
            }
        },
    };
    let Some(url) = url else {
        if credentials.is_some() {
            section.fault(credentials_key, format_args!("is for the proxy that {url_key} names, and that names none"));
        }
        return said.map(|_| None);
    };
    let proxy = EgressProxy { url, credentials, name };
    if let Err(error) = proxy.authorization() {
        section.fault(credentials_key, error);
    }
    Some(Some(proxy))
}

/// Puts what the environment says of proxies below the file: its keys, and `ORGPASS_` variables, go before it. Says which
/// key came from which variable.
pub(super) fn underlay(table: &mut Table, env: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut origins = BTreeMap::new();
    let said = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| Some((name, env.get(name).filter(|value| !value.is_empty())?.as_str())))
    };
    let Some((variable, url)) = said(PROXY_VARIABLES) else { return origins };
    let section = table.entry("salesforce").or_insert_with(|| Value::Table(Table::new()));
    // Anything else is a fault of its own.
    let Some(section) = section.as_table_mut() else { return origins };
    if section.contains_key("proxy_url") {
        return origins;
    }
    let (direct_variable, direct) = said(DIRECT_VARIABLES).unwrap_or((DIRECT_VARIABLES[0], ""));
    let direct: Vec<&str> = direct.split([',', ' ']).map(str::trim).collect();
    if direct.contains(&"*") {
        return origins;
    }
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    section.insert("proxy_url".to_owned(), Value::String(url));
    origins.insert("salesforce.proxy_url".to_owned(), variable.to_owned());
    if !section.contains_key("no_proxy") {
        // Others have networks and ports there, which mean nothing where no name is resolved.
        let names = direct.into_iter().filter(|name| name.parse::<ListedHost>().is_ok());
        let names = names.map(|name| Value::String(name.to_owned())).collect();
        section.insert("no_proxy".to_owned(), Value::Array(names));
        origins.insert("salesforce.no_proxy".to_owned(), direct_variable.to_owned());
    }
    origins
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::Fault;

    fn egress_with(text: &str, env: &[(&str, &str)]) -> (Egress, Vec<Fault>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("credentials"), "me:S3CRET\n").unwrap();
        std::fs::write(folder.path().join("token"), "S3CRET").unwrap();
        let mut table: Table = format!("[salesforce]\n{text}").parse().unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        underlay(&mut table, &env);
        let Some(Value::Table(table)) = table.remove("salesforce") else { panic!("a table") };
        let mut faults = Vec::new();
        let mut section = Section::new("salesforce", table, folder.path(), &mut faults);
        let egress = read(&mut section);
        section.finish();
        (egress, faults)
    }

    /// Where calls go, and exchanges.
    fn ways(text: &str, env: &[(&str, &str)]) -> [Option<String>; 2] {
        let (egress, faults) = egress_with(text, env);
        assert_eq!(faults, [], "{text}");
        [egress.calls, egress.exchanges].map(|way| way.map(|proxy| proxy.url.to_string()))
    }

    fn both(calls: Option<&str>, exchanges: Option<&str>) -> [Option<String>; 2] {
        [calls, exchanges].map(|url| url.map(str::to_owned))
    }

    #[test]
    fn exchanges_go_the_way_of_calls_unless_they_have_their_own() {
        let (a, b) = (Some("http://a:1"), Some("http://b:2"));
        assert_eq!(ways("", &[]), both(None, None));
        assert_eq!(ways("proxy_url = \"http://a:1\"", &[]), both(a, a));
        assert_eq!(ways("proxy_url = \"http://a:1\"\nexchange_proxy_url = \"http://b:2\"", &[]), both(a, b));
        assert_eq!(ways("exchange_proxy_url = \"http://b:2\"", &[]), both(None, b));
        assert_eq!(ways("proxy_url = \"http://a:1\"\nexchange_proxy_url = \"direct\"", &[]), both(a, None));
    }

    #[test]
    fn the_variables_that_others_read_stand_for_the_keys_that_are_not_there() {
        let (a, b) = (Some("http://a:1"), Some("http://b:2"));
        let env = [("HTTPS_PROXY", "a:1"), ("HTTP_PROXY", "http://x:9"), ("ALL_PROXY", "http://x:9")];
        assert_eq!(ways("", &env), both(a, a));
        assert_eq!(ways("", &[("https_proxy", "http://a:1/")]), both(a, a));
        assert_eq!(ways("", &[("HTTPS_PROXY", ""), ("NO_PROXY", "x")]), both(None, None));
        assert_eq!(ways("exchange_proxy_url = \"http://b:2\"", &env), both(a, b));
        assert_eq!(ways("proxy_url = \"http://b:2\"", &env), both(b, b));
        assert_eq!(ways("proxy_url = \"direct\"", &env), both(None, None));
        assert_eq!(ways("", &[env[0], ("NO_PROXY", "*")]), both(None, None));

        let networks = "10.0.0.0/8,.svc, .corp.example,127.0.0.1,intranet:8080";
        let (egress, faults) = egress_with("", &[env[0], ("NO_PROXY", networks)]);
        assert_eq!(faults, []);
        assert!(egress.direct.contains("sf.corp.example") && !egress.direct.contains("intranet"));
        let (egress, _) = egress_with("no_proxy = [\"b.example\"]", &[env[0], ("NO_PROXY", "a.example")]);
        assert!(egress.direct.contains("b.example") && !egress.direct.contains("a.example"));
    }

    #[test]
    fn each_key_has_its_fault_and_no_password_is_shown() {
        let url = "proxy_url = \"http://a:1\"\n";
        for (text, key, words) in [
            ("proxy_url = \"http://me:S3CRET@a:1\"", "salesforce.proxy_url", "credentials_file"),
            ("proxy_url = \"https://a:1\"", "salesforce.proxy_url", "http://HOST:PORT"),
            ("exchange_proxy_url = \"a\"", "salesforce.exchange_proxy_url", "http://HOST:PORT"),
            ("proxy_credentials_file = \"credentials\"", "salesforce.proxy_credentials_file", "proxy_url names"),
            (&format!("{url}proxy_credentials_file = \"none\""), "salesforce.proxy_credentials_file", "cannot read"),
            (&format!("{url}proxy_credentials_file = \"token\""), "salesforce.proxy_credentials_file", "USER:PASSWORD"),
            (&format!("{url}no_proxy = [\"10.0.0.0/8\"]"), "salesforce.no_proxy", "host name"),
        ] {
            let (_, faults) = egress_with(text, &[]);
            let fault = faults.iter().find(|fault| fault.key == key).unwrap_or_else(|| panic!("{text}: {faults:?}"));
            assert!(fault.message.contains(words) && !fault.message.contains("S3"), "{fault:?}");
        }
        let (egress, faults) = egress_with(&format!("{url}proxy_credentials_file = \"credentials\""), &[]);
        assert_eq!(faults, []);
        assert!(!format!("{egress:?}").contains("S3"), "{egress:?}");
    }

    #[test]
    fn a_password_in_a_variable_is_refused_like_one_in_the_file() {
        let (_, faults) = egress_with("", &[("HTTPS_PROXY", "http://me:S3CRET@a:1")]);
        assert!(faults.len() == 1 && !faults[0].message.contains("S3"), "{faults:?}");
        let mut table = Table::new();
        let env = BTreeMap::from([("HTTPS_PROXY".to_owned(), "http://me:S3CRET@a:1".to_owned())]);
        let origins = underlay(&mut table, &env);
        assert_eq!(origins["salesforce.proxy_url"], "HTTPS_PROXY");
        let faults = super::super::Config::load(Some(Path::new("/dev/null")), env).unwrap_err().faults;
        let fault = faults.iter().find(|fault| fault.key == "salesforce.proxy_url").unwrap();
        assert!(fault.message.ends_with("(set by HTTPS_PROXY)"), "{fault:?}");
    }
}
