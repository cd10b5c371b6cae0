//! The environment over the file.

use super::*;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_environment_goes_over_the_file() {
    let folder = folder();
    let file = folder.path().join("my.toml");
    fs::write(&file, format!("{KEYS}[apps.My-App]\nclient_id = \"one\"\n[proxy]\nworkers = 2\n")).unwrap();
    let variables = env(&[
        ("ORGPASS_CONFIG", file.to_str().unwrap()),
        ("ORGPASS_PROXY__WORKERS", "3"),
        ("ORGPASS_APPS__MY_APP__CLIENT_ID", "two"),
        ("ORGPASS_APPS__DEFAULT__CLIENT_ID", "three"),
        ("ORGPASS_SALESFORCE__TRUSTED_HOSTS", "127.0.0.1, ::1"),
        ("ORGPASS_STORE__URL", "redis://127.0.0.1:6379"),
        // What Kubernetes injects for a service named orgpass.
        ("ORGPASS_PORT", "tcp://10.0.0.1:8180"),
        ("ORGPASS_PORT_8180_TCP__ADDR", "10.0.0.1"),
        ("ORGPASS_SERVICE_HOST", "10.0.0.1"),
    ]);
    let config = Config::load(None, variables).unwrap();
    assert_eq!(config.proxy.workers, 3);
    assert_eq!(config.apps.get("My-App").unwrap().client_id, "two");
    assert_eq!(config.apps.get("default").unwrap().client_id, "three");
    assert!(config.transport.trusted_hosts.contains("::1"));
    assert_eq!(config.store.url, "redis://127.0.0.1:6379".parse().unwrap());
    assert_eq!(config.control, None, "with Redis there is a control socket only where it is named");
}

#[test]
fn a_fault_from_the_environment_names_the_variable() {
    let folder = folder();
    let file = folder.path().join("orgpass.toml");
    fs::write(&file, KEYS).unwrap();
    let variables = env(&[("ORGPASS_PROXY__LISTNE", "x"), ("ORGPASS_HUB__LISTEN", "y")]);
    let faults = Config::load(Some(&file), variables).unwrap_err().faults;
    assert_eq!(faults.len(), 2);
    assert_eq!(faults[1].key, "hub.listen");
    assert!(faults[0].message.ends_with("(set by ORGPASS_PROXY__LISTNE)"), "{faults:?}");
}

#[test]
fn variables_that_look_as_if_they_were_meant_are_told() {
    let folder = folder();
    let file = folder.path().join("orgpass.toml");
    fs::write(&file, KEYS).unwrap();
    let told = |name: &str| {
        let config = Config::load(Some(&file), env(&[(name, "x")])).unwrap();
        config.warnings.into_iter().map(|warning| format!("{}: {}", warning.key, warning.message)).collect::<Vec<_>>()
    };
    for (name, meant) in [
        ("ORGPASS_PROXY_LISTEN", "ORGPASS_PROXY__LISTEN"),
        ("ORGPASS_PROXXY__LISTEN", "ORGPASS_PROXY__LISTEN"),
        ("ORGPASS_STORE_PASSWORD_FILE", "ORGPASS_STORE__PASSWORD_FILE"),
    ] {
        assert_eq!(told(name), [format!("{name}: is not read; did you mean {meant}?")]);
    }
    for injected in [
        "ORGPASS_HUB_SERVICE_HOST",
        "ORGPASS_HUB_SERVICE_PORT_HTTP",
        "ORGPASS_HUB_PORT",
        "ORGPASS_HUB_PORT_8182_TCP_ADDR",
        "ORGPASS_URL",
        "ORGPASS_TOKEN",
        "PROXY_LISTEN",
    ] {
        assert_eq!(told(injected), [""; 0], "{injected}");
    }
}

#[test]
fn what_may_be_the_reason_of_a_fault_is_among_the_faults() {
    let folder = folder();
    let file = folder.path().join("orgpass.toml");
    fs::write(&file, "").unwrap();
    let variables = env(&[("ORGPASS_VAULT_SESSION_KEYS_FILE", "session.keys")]);
    let faults = Config::load(Some(&file), variables).unwrap_err().faults;
    assert!(faults.iter().any(|fault| fault.key == "ORGPASS_VAULT_SESSION_KEYS_FILE"), "{faults:?}");
}

#[test]
fn a_file_that_is_not_there_is_said_to_be_missing_only_if_something_is_wrong() {
    let folder = folder();
    let faults = Config::load(None, env(&[])).unwrap_err().faults;
    assert_eq!(faults[0].key, "the file");
    assert!(faults[0].message.contains("--config FILE"), "{faults:?}");
    let keys = ["session.keys", "grant.keys"].map(|name| folder.path().join(name).display().to_string());
    let variables = [("ORGPASS_VAULT__SESSION_KEYS_FILE", &*keys[0]), ("ORGPASS_VAULT__GRANT_KEYS_FILE", &*keys[1])];
    Config::load(None, env(&variables)).unwrap();
}
