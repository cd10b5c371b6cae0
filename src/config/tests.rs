mod document;
mod environment;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::vault::new_key_line;

const KEYS: &str = "[vault]\nsession_keys_file = \"session.keys\"\ngrant_keys_file = \"grant.keys\"\n";

/// A folder with two key files that only the owner can read.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["session.keys", "grant.keys"] {
        write(&folder, name, &new_key_line(), 0o600);
    }
    folder
}

fn write(folder: &TempDir, name: &str, text: &str, mode: u32) {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

fn faults(folder: &TempDir, text: &str) -> Vec<Fault> {
    Config::from_toml(text, folder.path()).expect_err(text).faults
}

#[test]
fn key_files_alone_are_a_configuration() {
    let folder = folder();
    let config = Config::from_toml(KEYS, folder.path()).unwrap();
    assert_eq!(config.store.url, StoreUrl::File(folder.path().join("orgpass.redb")));
    assert_eq!(config.control, Some(folder.path().join("orgpass.redb.sock")));
    assert_eq!(config.warnings, []);
    assert!(config.vault().has_grant_keys());
}

#[test]
fn each_fault_names_its_key_and_the_remedy() {
    let folder = folder();
    write(&folder, "bad.keys", "# keys\nnot a key\n", 0o600);
    write(&folder, "bad.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", 0o644);
    for (text, key, words) in [
        ("[proxi]", "proxi", "did you mean proxy?"),
        ("[whatever]", "whatever", "known here: proxy, ops"),
        ("listen = 1", "listen", "outside of any section"),
        ("proxy = 1", "proxy", "written [proxy]"),
        ("[hub]\nlisten = \"here\"", "hub.listen", "address"),
        ("[hub]\npublic_url = \"connect.example.com\"", "hub.public_url", "https://"),
        ("[hub]\npublic_url = \"http://connect.example.com\"", "hub.public_url", "must be https"),
        ("[hub]\nreturn_to = [\"http://app.example.com\"]", "hub.return_to", "https address of the app"),
        ("[apps.default]\nclient_id = \"x\"\nscopes = [\"a b\"]", "apps.default.scopes", "refresh_token"),
        ("[apps.default]\nclient_id = \"x\"\naccent = \"red\"", "apps.default.accent", "#1a73e8"),
        ("[apps.default]\nclient_id = \"x\"\nlogo_file = \"none\"", "apps.default.logo_file", "cannot be read"),
        ("[hub]\npublic_url = \"https://example.com/connect\"", "hub.public_url", "without a path"),
        ("[hub]\napi_tokens_file = \"none\"", "hub.api_tokens_file", "cannot be read"),
        ("[hub]\nkeep_alive_after = \"30days\"", "hub.keep_alive_after", "29days"),
        ("[proxy]\nlisten = \"0.0.0.0:1\"", "proxy.listen", "loopback"),
        ("[proxy]\ntoken_wiat = \"1s\"", "proxy.token_wiat", "did you mean token_wait?"),
        ("[ops]\nlisten = \"here\"", "ops.listen", "address"),
        ("[store]\nurl = \"mysql://h\"", "store.url", "rediss"),
        ("[store]\npassword_file = \"none\"", "store.password_file", "cannot read"),
        ("[tokens]\ncooldown = 5", "tokens.cooldown", "span of time"),
        ("[apps.a]\nclient_id = \"x\"\nclient_secret = \"S3CRET\"", "apps.a.client_secret", "client_secret_file?"),
        ("[apps.a]", "apps.a.client_id", "consumer key"),
        ("[apps.a]\nclient_id = \"x\"\nclient_secret_file = \"no\"", "apps.a.client_secret_file", "cannot read"),
        ("[apps.a]\nclient_id = \"x\"\nprivate_key_file = \"no\"", "apps.a.private_key_file", "cannot read"),
        ("[apps.a]\nclient_id = \"x\"\nprivate_key_file = \"bad.pem\"", "apps.a.private_key_file", "RSA private key"),
        ("[apps.a]\nclient_id = \"x\"\naudience = \"login\"", "apps.a.audience", "https URL"),
        ("[apps.a]\nclient_id = \"x\"\nintrospect = true", "apps.a.introspect", "client_secret_file"),
        ("[salesforce]\ntrusted_hosts = [\"https://x\"]", "salesforce.trusted_hosts", "host name"),
        ("[salesforce]\nplatform_url = \"https://evil.example\"", "salesforce.platform_url", "trusted_hosts"),
        ("[salesforce]\naccount_engagement_url = \"pi.pardot.com\"", "salesforce.account_engagement_url", "https://"),
        ("[salesforce]\nca_file = \"no.pem\"", "salesforce.ca_file", "cannot read"),
        ("[salesforce]\nca_file = \"bad.pem\"", "salesforce.ca_file", "PEM"),
        ("[salesforce]\nproxy_url = \"http://me:S3CRET@p:1\"", "salesforce.proxy_url", "credentials_file"),
        ("[salesforce]\nclient_cert_file = \"bad.pem\"", "salesforce.client_key_file", "is missing"),
        ("[salesforce]\nclient_key_file = \"bad.pem\"", "salesforce.client_cert_file", "is missing"),
        ("[salesforce]\nclient_cert_hosts = [\"a.example\"]", "salesforce.client_cert_file", "is missing"),
        (
            "[salesforce]\nclient_cert_file = \"bad.pem\"\nclient_key_file = \"bad.pem\"",
            "salesforce.client_cert_hosts",
            "acme.my.salesforce.com",
        ),
        (
            "[salesforce]\nclient_cert_file = \"bad.pem\"\nclient_key_file = \"bad.pem\"\nclient_cert_hosts = [\"a.b\"]",
            "salesforce.client_cert_file",
            "PEM",
        ),
        (
            "[salesforce]\nclient_cert_file = \"bad.pem\"\nclient_key_file = \"no\"\nclient_cert_hosts = [\"a.b\"]",
            "salesforce.client_key_file",
            "cannot read",
        ),
        ("[salesforce]\nexchange_timeout = \"2m\"", "salesforce.exchange_timeout", "30s"),
        ("[log]\nformat = \"xml\"", "log.format", "\"json\" or \"text\""),
        ("[log]\nlevel = \"loud\"", "log.level", "error, warn, info"),
        ("[control]\nlisten = \"127.0.0.1:9\"", "control.listen", "unix:"),
    ] {
        let faults = faults(&folder, &format!("{text}\n{KEYS}"));
        let fault = faults.iter().find(|fault| fault.key == key).unwrap_or_else(|| panic!("{text}: {faults:?}"));
        assert!(fault.message.contains(words), "{text}: {fault:?}");
        assert!(!fault.message.contains("S3CRET"), "{fault:?}");
    }
    for (text, key, words) in [
        ("", "vault.session_keys_file", "orgpass keys new"),
        ("[vault]\nsession_keys_file = \"session.keys\"", "vault.grant_keys_file", "embedded store"),
        (
            "[hub]\n[store]\nurl = \"redis://h\"\n[vault]\nsession_keys_file = \"session.keys\"",
            "vault.grant_keys_file",
            "a hub exchanges",
        ),
        ("[vault]\nsession_keys_file = \"none\"", "vault.session_keys_file", "cannot read"),
        ("[vault]\nsession_keys_file = \"bad.keys\"", "vault.session_keys_file", "line 2"),
    ] {
        let faults = faults(&folder, text);
        let fault = faults.iter().find(|fault| fault.key == key).unwrap_or_else(|| panic!("{text}: {faults:?}"));
        assert!(fault.message.contains(words), "{text}: {fault:?}");
        assert!(!fault.message.contains("not a key\n"), "{fault:?}");
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let folder = folder();
    let error = Config::from_toml("[proxy]\nworkers = 0\n[log]\naccess = 3\n[nope]", folder.path()).unwrap_err();
    let keys: Vec<_> = error.faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["nope", "proxy.workers", "log.access", "vault.session_keys_file", "vault.grant_keys_file"]);
    assert_eq!(error.to_string().lines().count(), 6);
    assert!(error.to_string().contains("orgpass.toml: 5 faults\n  nope: "));
}

#[test]
fn a_syntax_error_names_its_line_and_shows_nothing_of_it() {
    let folder = folder();
    for wrong in ["= S3CRET", "S3CRET", "= \"S3CRET", "= 3S3CRET", "= 'S3CRET' S3CRET", "= [S3CRET]", "= {S3CRET}"] {
        let faults = faults(&folder, &format!("[apps.a]\nclient_secret {wrong}\n"));
        assert_eq!(faults.len(), 1);
        assert!(faults[0].key.starts_with("line "), "{faults:?}");
        assert!(!format!("{faults:?}").contains("S3CRET"), "{faults:?}");
    }
}

#[test]
fn a_sidecar_without_grant_keys_starts_with_redis() {
    let folder = folder();
    let text = "[store]\nurl = \"redis://h\"\n[vault]\nsession_keys_file = \"session.keys\"";
    assert!(!Config::from_toml(text, folder.path()).unwrap().vault().has_grant_keys());
}

#[test]
fn a_hub_works_beside_an_embedded_file() {
    let folder = folder();
    let hub = Config::from_toml(&format!("{KEYS}[hub]"), folder.path()).unwrap().hub.unwrap();
    assert_eq!(hub.check_every, std::time::Duration::from_secs(6 * 60 * 60));
    assert_eq!(hub.links(hub.listen).public_url, "http://127.0.0.1:8182");
    assert_eq!(hub.links("0.0.0.0:9000".parse().unwrap()).public_url, "http://127.0.0.1:9000");
    assert_eq!(Config::from_toml(KEYS, folder.path()).unwrap().hub, None);
}

#[test]
fn a_file_that_was_named_must_exist() {
    let folder = folder();
    let missing = folder.path().join("missing.toml");
    let error = Config::load(Some(&missing), []).unwrap_err();
    assert!(error.to_string().contains("--config FILE"), "{error}");
}

#[test]
fn secret_files_that_others_can_read_are_named() {
    let folder = folder();
    write(&folder, "grant.keys", &new_key_line(), 0o640);
    write(&folder, "secret", "s", 0o604);
    write(&folder, "password", "s", 0o644);
    write(&folder, "app.pem", salesforce_sim::AppKey::first().private_key, 0o644);
    write(&folder, "tokens", &format!("support {}", "x".repeat(32)), 0o644);
    write(&folder, "webhook", &format!("whsec_{}A=", "x".repeat(42)), 0o644);
    let app = "[apps.a]\nclient_id = \"x\"\nclient_secret_file = \"secret\"\nprivate_key_file = \"app.pem\"";
    let store = "[store]\nurl = \"rediss-sentinel://u@h/m\"\npassword_file = \"password\"\n\
        sentinel_password_file = \"password\"\nclient_cert_file = \"secret\"\nclient_key_file = \"secret\"";
    let hub = "[hub]\npublic_url = \"https://c.example.com\"\napi_tokens_file = \"tokens\"\n\
        [hub.webhooks.w]\nurl = \"https://w.example.com/\"\nsecret_file = \"webhook\"";
    write(&folder, "egress", "user:password", 0o640);
    let ways = "[salesforce]\nproxy_url = \"http://a:1\"\nproxy_credentials_file = \"egress\"\n\
        exchange_proxy_url = \"http://b:1\"\nexchange_proxy_credentials_file = \"egress\"";
    let text = format!("{KEYS}{app}\n{store}\n{hub}\n{ways}");
    let config = Config::from_toml(&text, folder.path()).unwrap();
    let keys: Vec<_> = config.warnings.iter().map(|warning| warning.key.as_str()).collect();
    let stores = ["store.password_file", "store.sentinel_password_file", "store.client_key_file"];
    let hubs = ["hub.api_tokens_file", "hub.webhooks.w.secret_file"];
    let apps = ["apps.a.client_secret_file", "apps.a.private_key_file"];
    let ways = ["salesforce.proxy_credentials_file", "salesforce.exchange_proxy_credentials_file"];
    assert_eq!(keys, [&["vault.grant_keys_file"][..], &stores, &ways, &hubs, &apps].concat());
    assert!(config.warnings[0].message.contains("chmod 600"));
}

#[test]
fn a_key_that_is_in_both_rings_is_named() {
    let folder = folder();
    let text = KEYS.replace("grant.keys", "session.keys");
    let warnings = Config::from_toml(&text, folder.path()).unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].key, "vault.grant_keys_file");
    assert!(warnings[0].message.contains("orgpass keys rotate"), "{warnings:?}");
}

#[test]
fn sockets_are_relative_to_the_configuration_file_like_every_path() {
    let folder = folder();
    let text = format!("{KEYS}[proxy]\nlisten = \"unix:p.sock\"\n[control]\nlisten = \"unix:c.sock\"");
    let config = Config::from_toml(&text, folder.path()).unwrap();
    assert_eq!(config.proxy.listen, proxy::Listen::Unix(folder.path().join("p.sock")));
    assert_eq!(config.control, Some(folder.path().join("c.sock")));
}

#[test]
fn a_socket_path_that_the_kernel_would_refuse_is_refused_here() {
    let folder = folder();
    let text = format!("{KEYS}[control]\nlisten = \"unix:{}\"", "x".repeat(120));
    assert_eq!(faults(&folder, &text)[0].key, "control.listen");
}
