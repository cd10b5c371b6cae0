//! What works and should still be changed.

use super::vault::readable_by_others;
use crate::oauth::{Apps, Flow};
use crate::settings::Fault;
use crate::{hub, store, traces, transport};

/// Warnings about the files of secrets that these sections name, and about grants that are on their way out.
pub(super) fn of(
    store: &store::Settings,
    hub: Option<&hub::Settings>,
    apps: &Apps,
    traces: Option<&traces::Settings>,
    transport: &transport::Settings,
) -> Vec<Fault> {
    let mut warnings = Vec::new();
    for (key, file) in [
        ("store.password_file", &store.password_file),
        ("store.sentinel_password_file", &store.sentinel_password_file),
        ("store.client_key_file", &store.client_key_file),
    ] {
        warnings.extend(file.as_deref().and_then(|file| readable_by_others(key, file)));
    }
    let client_key = transport.client_cert.as_ref().map(|cert| cert.key_file.as_path());
    warnings.extend(client_key.and_then(|file| readable_by_others("salesforce.client_key_file", file)));
    for proxy in transport.egress.proxies() {
        let file = proxy.credentials.as_ref();
        warnings.extend(file.and_then(|file| readable_by_others(&proxy.credentials_key(), file.path())));
    }
    let headers_file = traces.and_then(|traces| traces.headers_file.as_deref());
    warnings.extend(headers_file.and_then(|file| readable_by_others("traces.headers_file", file)));
    let tokens_file = hub.and_then(|hub| hub.api_tokens_file.as_deref());
    warnings.extend(tokens_file.and_then(|file| readable_by_others("hub.api_tokens_file", file)));
    for webhook in hub.iter().flat_map(|hub| &hub.webhooks) {
        let key = format!("hub.webhooks.{}.secret_file", webhook.name);
        warnings.extend(readable_by_others(&key, &webhook.secret_file));
    }
    for app in apps.iter() {
        if app.allow.contains(&Flow::Password) {
            warnings.push(Fault {
                key: format!("apps.{}.allow", app.name),
                message: "allows the grant password, which Salesforce is taking away: passwords are kept sealed in the store, \
                          and every change of one breaks a connection; use jwt_bearer"
                    .to_owned(),
            });
        }
        let key = format!("apps.{}.client_secret_file", app.name);
        warnings.extend(app.client_secret.as_ref().and_then(|secret| readable_by_others(&key, secret.path()?)));
        let key = format!("apps.{}.private_key_file", app.name);
        warnings.extend(app.private_key.as_ref().and_then(|pem| readable_by_others(&key, pem.path()?)));
    }
    warnings
}
