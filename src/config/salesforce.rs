//! Section `[salesforce]`: which hosts may be called, and how.

use std::path::PathBuf;
use std::time::Duration;

use super::egress;
use crate::salesforce::hosts::{HostError, HostList, PubSubUrl, TargetHosts, TargetUrl, TrustedHosts};
use crate::settings::Section;
use crate::transport::{ClientCert, Settings, Transport, TransportError};

/// Takes the keys of `[salesforce]`: the outbound client's settings, the file of extra roots, and the hosts of targets.
pub(super) fn read(mut section: Section<'_>) -> (Settings, Option<PathBuf>, TargetHosts) {
    let seconds = Duration::from_secs;
    let trusted_hosts = TrustedHosts::new(section.list("trusted_hosts"));
    let settings = Settings {
        pubsub_url: host(&mut section, "pubsub_url", &trusted_hosts, PubSubUrl::parse).unwrap_or_default(),
        trusted_hosts,
        allow_private_addresses: section.flag_or("allow_private_addresses", false),
        egress: egress::read(&mut section),
        client_cert: client_cert(&mut section),
        // Dialling and an exchange together must end within the 45 s that a lease lives.
        connect_timeout: section.duration_or("connect_timeout", seconds(10), Duration::from_millis(50)..=seconds(15)),
        exchange_timeout: section.duration_or("exchange_timeout", seconds(30), Duration::from_millis(50)..=seconds(30)),
        idle_timeout: section.duration_or("idle_timeout", seconds(60), Duration::ZERO..=seconds(600)),
        max_idle: usize::try_from(section.integer_or("max_idle", 64, 0..=10_000)).expect("at most ten thousand"),
    };
    let file = section.file("ca_file");
    let without_cert = Settings { client_cert: None, ..settings.clone() };
    if let Some(Err(error)) = file.clone().map(|file| Transport::new(without_cert, Some(file), 1)) {
        section.fault("ca_file", error);
    }
    if let Some(Err(error)) = settings.client_cert.as_ref().map(|_| Transport::new(settings.clone(), None, 1)) {
        let key = match &error {
            TransportError::Unreadable(file, _) if is_key(&settings, file) => "client_key_file",
            _ => "client_cert_file",
        };
        section.fault(key, error);
    }
    let trusted = &settings.trusted_hosts;
    let targets = TargetHosts {
        account_engagement: host(&mut section, "account_engagement_url", trusted, TargetUrl::account_engagement),
        platform: host(&mut section, "platform_url", trusted, TargetUrl::platform),
    };
    section.finish();
    (settings, file, targets)
}

fn is_key(settings: &Settings, file: &str) -> bool {
    settings.client_cert.as_ref().is_some_and(|cert| cert.key_file.display().to_string() == file)
}

fn client_cert(section: &mut Section<'_>) -> Option<ClientCert> {
    let (cert, key) = (section.file("client_cert_file"), section.file("client_key_file"));
    let hosts = HostList::new(section.list("client_cert_hosts"));
    let is_named = !hosts.is_empty();
    let (missing, message) = match (cert, key, is_named) {
        (None, None, false) => return None,
        (Some(cert_file), Some(key_file), true) => return Some(ClientCert { cert_file, key_file, hosts }),
        (None, ..) => ("client_cert_file", "is missing; it holds the certificate of the key"),
        (Some(_), None, _) => ("client_key_file", "is missing; it holds the key of the certificate"),
        (Some(_), Some(_), false) => (
            "client_cert_hosts",
            "is missing; it names the hosts that are shown the certificate, such as acme.my.salesforce.com",
        ),
    };
    section.fault(missing, message);
    None
}

fn host<T>(
    section: &mut Section<'_>,
    key: &'static str,
    trusted: &TrustedHosts,
    parse: fn(&str, &TrustedHosts) -> Result<T, HostError>,
) -> Option<T> {
    let text = section.text(key)?;
    parse(&text, trusted).map_err(|error| section.fault(key, error)).ok()
}
