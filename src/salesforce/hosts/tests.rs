use proptest::prelude::*;

use super::*;

fn trusting(hosts: &[&str]) -> TrustedHosts {
    TrustedHosts::new(hosts.iter().map(|host| host.parse().unwrap()).collect())
}

fn instance(text: &str) -> Result<String, HostError> {
    InstanceUrl::parse(text, &TrustedHosts::default()).map(|url| url.to_string())
}

#[test]
fn the_hosts_of_orgs_are_accepted_in_one_spelling() {
    for (text, host) in [
        ("https://acme.my.salesforce.com", "acme.my.salesforce.com"),
        ("https://acme.my.salesforce.com/", "acme.my.salesforce.com"),
        ("HTTPS://ACME.My.Salesforce.Com:443/", "acme.my.salesforce.com"),
        ("https://acme--uat.sandbox.my.salesforce.com", "acme--uat.sandbox.my.salesforce.com"),
        ("https://acme-dev-ed.develop.my.salesforce.com", "acme-dev-ed.develop.my.salesforce.com"),
        ("https://acme.my.salesforce.mil", "acme.my.salesforce.mil"),
        ("https://acme.my.sfcrmproducts.cn", "acme.my.sfcrmproducts.cn"),
        ("https://acme.my-salesforce.com", "acme.my-salesforce.com"),
        ("https://acme.cloudforce.com", "acme.cloudforce.com"),
        ("https://acme.database.com", "acme.database.com"),
        ("https://na1.salesforce.com", "na1.salesforce.com"),
        ("https://cs12.salesforce.com", "cs12.salesforce.com"),
        ("https://eu55s.salesforce.com", "eu55s.salesforce.com"),
    ] {
        let url = InstanceUrl::parse(text, &TrustedHosts::default()).unwrap();
        assert_eq!((url.host(), url.authority(), url.port()), (host, host, 443), "{text}");
        assert!(url.is_https());
        assert_eq!(url.to_string(), format!("https://{host}"));
    }
}

#[test]
fn what_is_not_exactly_an_orgs_host_is_refused_with_the_reason() {
    for (text, error) in [
        ("acme.my.salesforce.com", HostError::Scheme),
        ("ftp://acme.my.salesforce.com", HostError::Scheme),
        ("", HostError::Scheme),
        ("http://acme.my.salesforce.com", HostError::PlainHttp),
        ("http://127.0.0.1:8080", HostError::PlainHttp),
        ("https://evil.example@acme.my.salesforce.com", HostError::UserInfo),
        ("https://acme.my.salesforce.com@evil.example", HostError::UserInfo),
        ("https://acme.my.salesforce.com/services", HostError::Path),
        ("https://acme.my.salesforce.com?x", HostError::Path),
        ("https://acme.my.salesforce.com#x", HostError::Path),
        ("https://evil.example/.my.salesforce.com", HostError::Path),
        ("https://evil.example\\.my.salesforce.com", HostError::Path),
        ("https://acme.my.salesforce.com:8443", HostError::Port),
        ("https://acme.my.salesforce.com:", HostError::Port),
        ("https://acme.my.salesforce.com:0", HostError::Port),
        ("https://acme.my.salesforce.com:443:443", HostError::Port),
        ("https://acme.my.salesforce.com:99999", HostError::Port),
        ("https://acme.my.salesforce.com.", HostError::Name),
        ("https://.my.salesforce.com", HostError::Name),
        ("https://acme..my.salesforce.com", HostError::Name),
        ("https://acme .my.salesforce.com", HostError::Name),
        ("https://acme%2emy.salesforce.com", HostError::Name),
        ("https://ac\u{e9}me.my.salesforce.com", HostError::Name),
        ("https://acme\u{3002}my.salesforce.com", HostError::Name),
        ("https://acme.my.salesforce.com\r\n", HostError::Name),
        ("https://", HostError::Name),
        ("https://127.0.0.1", HostError::Address),
        ("https://127.1", HostError::Address),
        ("https://2130706433", HostError::Address),
        ("https://0x7f.1", HostError::Address),
        ("https://0x7f000001", HostError::Address),
        ("https://[::1]", HostError::Address),
        ("https://[::ffff:169.254.169.254]", HostError::Address),
        ("https://acme.lightning.force.com", HostError::NoApi),
        ("https://acme.salesforce-setup.com", HostError::NoApi),
        ("https://gs1.salesforce.com", HostError::NoApi),
        ("https://x.internal.salesforce.com", HostError::NoApi),
        ("https://my.salesforce.com", HostError::NotSalesforce),
        ("https://evilmy.salesforce.com", HostError::NotSalesforce),
        ("https://acme.my.salesforce.com.evil.example", HostError::NotSalesforce),
        ("https://evil-my-salesforce.com", HostError::NotSalesforce),
        ("https://login.salesforce.com", HostError::NoApi),
        ("https://na.salesforce.com", HostError::NotSalesforce),
        ("https://s1x.salesforce.com", HostError::NotSalesforce),
        ("https://localhost", HostError::NotSalesforce),
    ] {
        assert_eq!(instance(text), Err(error), "{text}");
    }
}

#[test]
fn login_hosts_log_in_and_serve_no_api() {
    let none = TrustedHosts::default();
    for text in ["https://login.salesforce.com", "https://test.salesforce.com/", "https://acme.my.salesforce.com"] {
        assert!(LoginUrl::parse(text, &none).is_ok(), "{text}");
    }
    assert_eq!(LoginUrl::parse("https://welcome.salesforce.com", &none), Err(HostError::NotSalesforce));
    let instance = InstanceUrl::parse("https://acme.my.salesforce.com", &none).unwrap();
    assert_eq!(LoginUrl::from(instance).host(), "acme.my.salesforce.com");
}

#[test]
fn a_trusted_host_may_use_any_port_and_if_it_is_loopback_plain_http() {
    let trusted = trusting(&["127.0.0.1", "::1", "localhost", "Salesforce.Internal", "10.0.0.7"]);
    for (text, shown) in [
        ("http://127.0.0.1:9000", Ok("http://127.0.0.1:9000")),
        ("http://localhost", Ok("http://localhost")),
        ("http://[::1]:9000/", Ok("http://[::1]:9000")),
        ("http://[0:0:0:0:0:0:0:1]:80", Ok("http://[::1]")),
        ("https://127.0.0.1", Ok("https://127.0.0.1")),
        ("https://salesforce.internal:8443", Ok("https://salesforce.internal:8443")),
        ("http://salesforce.internal", Err(HostError::PlainHttp)),
        ("https://10.0.0.7", Err(HostError::Address)),
        ("http://127.0.0.2", Err(HostError::PlainHttp)),
        ("https://sub.salesforce.internal", Err(HostError::NotSalesforce)),
    ] {
        let url = InstanceUrl::parse(text, &trusted).map(|url| url.to_string());
        assert_eq!(url.as_deref().map_err(|error| *error), shown, "{text}");
    }
    for text in ["https://x", "x:80", "x/y", "", "a b"] {
        assert!(text.parse::<TrustedHost>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn an_accepted_url_is_an_orgs_host_and_means_the_same_to_a_url_library(
        text in prop_oneof![
            "[ -~]{0,60}",
            "(https?|HTTPS)://[a-zA-Z0-9.@:/\\\\?#\\[\\]%-]{0,20}(\\.my\\.salesforce\\.com|\\.database\\.com)?[:/.@0-9a-z]{0,5}",
        ],
    ) {
        if let Ok(url) = InstanceUrl::parse(&text, &TrustedHosts::default()) {
            prop_assert!(is_org_host(url.host()));
            let standard = url::Url::parse(&text).unwrap();
            prop_assert_eq!(standard.host_str(), Some(url.host()));
            prop_assert_eq!(standard.port_or_known_default(), Some(url.port()));
            prop_assert_eq!(instance(&url.to_string()), Ok(url.to_string()));
        }
    }
}

#[test]
fn assertions_are_addressed_to_where_the_orgs_users_log_in() {
    for (host, audience) in [
        ("login.salesforce.com", "login"),
        ("test.salesforce.com", "test"),
        ("acme.my.salesforce.com", "login"),
        ("acme-dev-ed.develop.my.salesforce.com", "login"),
        ("acme--uat.sandbox.my.salesforce.com", "test"),
        ("energy-site-1234-dev-ed.scratch.my.salesforce.com", "test"),
        ("acme--uat.cs12.my.salesforce.com", "test"),
        ("cs12.salesforce.com", "test"),
        ("na1.salesforce.com", "login"),
        ("acme--uat.sandbox.my.sfcrmproducts.cn", "test"),
    ] {
        let url = LoginUrl::parse(&format!("https://{host}"), &TrustedHosts::default()).unwrap();
        assert_eq!(url.audience(), format!("https://{audience}.salesforce.com"), "{host}");
        assert_eq!(url.is_shared(), ["login.salesforce.com", "test.salesforce.com"].contains(&host), "{host}");
    }
}
