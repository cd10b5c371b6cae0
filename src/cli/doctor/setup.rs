//! This process's own part: configuration, keys, store, hub.

use std::time::{Duration, UNIX_EPOCH};

use super::clock::Clocks;
use super::{Finding, Report};
use crate::app::{Engine, StartError};
use crate::cli::Failure;
use crate::config::Config;
use crate::control::Client;
use crate::store::{Store, StoreError, StoreUrl};

const CONNECT: Duration = Duration::from_secs(2);

/// What can be looked at without a running process.
pub(super) struct Site {
    /// The parts, unless another process has the store.
    pub(super) engine: Option<Engine>,
}

/// The configuration was read; what remains is what works and should still be changed.
pub(super) fn configuration(config: &Config, report: &mut Report<'_>) -> Result<(), Failure> {
    report.add(Finding::pass("configuration", "every key and every file that it names can be used"))?;
    for warning in &config.warnings {
        report.add(Finding::warn(
            &warning.key,
            warning.message.clone(),
            "change the file's permissions or its place",
        ))?;
    }
    let keys = match (config.vault().has_grant_keys(), config.vault().tenants()) {
        (true, _) => "session and grant keys: this process exchanges".to_owned(),
        (false, None) => "session keys only: a sidecar, which asks a hub for new tokens".to_owned(),
        (false, Some(tenants)) => format!("session keys of {} tenants only: a sidecar", tenants.len()),
    };
    report.add(Finding::pass("keys", keys))?;
    Ok(())
}

/// Whether the store answers, and how it is set up.
pub(super) async fn store(config: &Config, report: &mut Report<'_>) -> Result<Site, Failure> {
    let url = &config.store.url;
    let engine = match Engine::build(config) {
        Ok(engine) => engine,
        Err(StartError::Store(StoreError::InUse(_))) => {
            let client = match config.control.as_deref() {
                Some(path) => Client::connect(path).await.ok().flatten(),
                None => None,
            };
            report.add(match client {
                Some(_) => Finding::pass("store", format!("{url} is open in the running orgpass serve")),
                None => Finding::fail(
                    "store",
                    format!("{url} is in use by a process that does not answer"),
                    "run doctor as the user that orgpass serve runs as, with the same configuration",
                ),
            })?;
            report.add(own_clock())?;
            return Ok(Site { engine: None });
        }
        Err(error) => {
            report.add(Finding::fail("store", error.to_string(), "see docs/configuration.md, [store]"))?;
            return Ok(Site { engine: None });
        }
    };
    match engine.store.ping().await {
        Ok(()) => report.add(Finding::pass("store", format!("{url} answers")))?,
        Err(error) => {
            report.add(Finding::fail("store", error.to_string(), "is it running, and is store.url right?"))?;
            return Ok(Site { engine: Some(engine) });
        }
    }
    for danger in engine.store.dangers().await.unwrap_or_default() {
        report.add(Finding::warn("store", danger, "see docs/configuration.md, [store]"))?;
    }
    report.add(match url {
        StoreUrl::Redis(_) => clock(&*engine.store).await,
        StoreUrl::File(_) => own_clock(),
    })?;
    if let StoreUrl::Redis(_) = url {
        let replicas = config.store.replicas;
        report.add(match replicas {
            0 => Finding::warn(
                "store.replicas",
                "writes wait for no replica: a fail-over may lose a refresh token",
                "set it to the number of replicas that may become master; 0 is right for a single node only",
            ),
            _ => Finding::pass("store.replicas", format!("writes wait for {replicas} of them")),
        })?;
        let lives = engine.store.has_hub().await.unwrap_or(false);
        if !lives && !config.vault().has_grant_keys() {
            let fix = "start a process with [hub] and grant keys on the same Redis";
            report.add(Finding::fail("hub", "no hub is there, and this process cannot exchange by itself", fix))?;
        }
    }
    Ok(Site { engine: Some(engine) })
}

fn own_clock() -> Finding {
    Finding::skip("store clock", "the file goes by this machine's")
}

/// Redis' clock beside this machine's. Nothing is decided by comparing the two, so it is never more than a warning.
async fn clock(store: &dyn Store) -> Finding {
    let there = match store.time().await {
        Ok(there) => UNIX_EPOCH + Duration::from_millis(there.0),
        Err(error) => return Finding::skip("store clock", error.to_string()),
    };
    match Clocks::beside(there) {
        Clocks::Agree => Finding::pass("store clock", "Redis' agrees with this machine's"),
        Clocks::Drift(apart) | Clocks::Apart(apart) => Finding::warn(
            "store clock",
            format!("Redis' is {} s from this machine's", apart.as_secs()),
            "have both set by NTP; times of statuses, events and the audit trail are Redis'",
        ),
    }
}

/// Whether people can connect orgs.
pub(super) async fn hub(config: &Config, report: &mut Report<'_>) -> Result<(), Failure> {
    let Some(hub) = &config.hub else {
        report.add(Finding::skip("hub", "this process is none: there is no section [hub]"))?;
        return Ok(());
    };
    let url = hub.links(hub.listen).public_url;
    let seen =
        format!("only Salesforce can tell whether {url}/oauth/callback is a callback URL of every app; it must be");
    report.add(Finding::skip("hub.public_url", seen))?;
    if hub.api_tokens_file.is_none() {
        let fix = "name a file in hub.api_tokens_file, if programs or the status page are to be used";
        report.add(Finding::warn("hub.api_tokens_file", "nobody can use the API", fix))?;
    }
    let connected = tokio::time::timeout(CONNECT, tokio::net::TcpStream::connect(hub.listen)).await;
    report.add(match connected {
        Ok(Ok(_)) => Finding::pass("hub.listen", format!("somebody listens at {}", hub.listen)),
        _ => {
            Finding::skip("hub.listen", format!("nobody listens at {}; orgpass serve is not running here", hub.listen))
        }
    })?;
    Ok(())
}
