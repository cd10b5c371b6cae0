//! Section `[salesforce]`: which hosts may be called, and how.

use std::path::PathBuf;
use std::time::Duration;

use super::egress;
use crate::salesforce::hosts::{HostError, PubSubUrl, TargetHosts, TargetUrl, TrustedHosts};
use crate::settings::Section;
use crate::transport::{Settings, Transport};

/// Takes the keys of `[salesforce]`: the outbound client's settings, the file of extra roots, and the hosts of targets.
pub(super) fn read(mut section: Section<'_>) -> (Settings, Option<PathBuf>, TargetHosts) {
    let seconds = Duration::from_secs;
    let trusted_hosts = TrustedHosts::new(section.list("trusted_hosts"));
    let settings = Settings {
        pubsub_url: host(&mut section, "pubsub_url", &trusted_hosts, PubSubUrl::parse).unwrap_or_default(),
        trusted_hosts,
        allow_private_addresses: section.flag_or("allow_private_addresses", false),
        egress: egress::read(&mut section),
        // Dialling and an exchange together must end within the 45 s that a lease lives.
        connect_timeout: section.duration_or("connect_timeout", seconds(10), Duration::from_millis(50)..=seconds(15)),
        exchange_timeout: section.duration_or("exchange_timeout", seconds(30), Duration::from_millis(50)..=seconds(30)),
        idle_timeout: section.duration_or("idle_timeout", seconds(60), Duration::ZERO..=seconds(600)),
        max_idle: usize::try_from(section.integer_or("max_idle", 64, 0..=10_000)).expect("at most ten thousand"),
    };
    let file = section.file("ca_file");
    if let Some(Err(error)) = file.clone().map(|file| Transport::new(settings.clone(), Some(file), 1)) {
        section.fault("ca_file", error);
    }
    let trusted = &settings.trusted_hosts;
    let targets = TargetHosts {
        account_engagement: host(&mut section, "account_engagement_url", trusted, TargetUrl::account_engagement),
        platform: host(&mut section, "platform_url", trusted, TargetUrl::platform),
    };
    section.finish();
    (settings, file, targets)
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
