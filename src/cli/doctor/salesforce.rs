//! Salesforce's part: names, TLS, clocks, addresses, apps.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::setup::Site;
use super::{Finding, Report};
use crate::cli::Failure;
use crate::config::Config;
use crate::management::{AppFound, Management};
use crate::salesforce::hosts::LoginUrl;

/// Assertions live for three minutes.
const CLOCKS_APART: Duration = Duration::from_secs(120);
const CLOCKS_DRIFT: Duration = Duration::from_secs(30);

/// Examines every login host and every app.
pub(super) async fn hosts_and_apps(config: &Config, site: &Site, report: &mut Report<'_>) -> Result<(), Failure> {
    if !config.vault().has_grant_keys() {
        report.add(Finding::skip("login hosts", "a sidecar does not talk to them"))?;
        return Ok(());
    }
    let Some(engine) = &site.engine else {
        report
            .add(Finding::skip("login hosts", "the store is not open here; stop orgpass serve, or run doctor there"))?;
        return Ok(());
    };
    let management = &engine.management;
    let mut examined = BTreeSet::new();
    for app in config.apps.iter() {
        if examined.insert(app.login_url.to_string()) {
            host(management, &app.login_url, report).await?;
        }
        let name = format!("apps.{}", app.name);
        report.add(match management.examine_app(app).await {
            AppFound::Accepted => {
                Finding::pass(&name, format!("{} knows it, and its credentials are right", app.login_url))
            }
            AppFound::Refused(cause) => Finding::fail(&name, cause.meaning(), cause.fix()),
            AppFound::Unreadable(why) => {
                Finding::fail(&name, why, "put the secret or key where the configuration says")
            }
            AppFound::Unclear(why) => Finding::warn(&name, why, "try again; if it stays so, look at the host above"),
        })?;
    }
    if config.apps.iter().next().is_none() {
        report.add(Finding::warn("apps", "none is configured", "add a section [apps.default] with client_id"))?;
    }
    Ok(())
}

async fn host(management: &Management, login: &LoginUrl, report: &mut Report<'_>) -> Result<(), Failure> {
    let there = match management.time_at(login).await {
        Ok(there) => there,
        Err(why) => {
            let fix = "check DNS, the way out of this network, and salesforce.ca_file if something breaks TLS open";
            report.add(Finding::fail("login host", format!("{login}: {why}"), fix))?;
            return Ok(());
        }
    };
    report.add(Finding::pass("login host", format!("{login}: its name resolves, and TLS is sound")))?;
    if let Some(address) = leaves_from(login).await {
        let seen = format!("calls leave this machine from {address}; Salesforce's Login History shows what it becomes");
        report.add(Finding::pass("egress address", seen))?;
    }
    let apart = there.map(|there| {
        let now = SystemTime::now();
        now.duration_since(there).unwrap_or_else(|earlier| earlier.duration())
    });
    let fix = "have the clock set by NTP; assertions are refused when clocks are minutes apart";
    report.add(match apart {
        None => Finding::skip("clock", format!("{login} does not say what time it is")),
        Some(apart) if apart > CLOCKS_APART => {
            Finding::fail("clock", format!("{} s from {login}", apart.as_secs()), fix)
        }
        Some(apart) if apart > CLOCKS_DRIFT => {
            Finding::warn("clock", format!("{} s from {login}", apart.as_secs()), fix)
        }
        Some(_) => Finding::pass("clock", format!("agrees with {login}")),
    })?;
    Ok(())
}

/// The address of this machine that a connection there would have.
async fn leaves_from(login: &LoginUrl) -> Option<std::net::IpAddr> {
    let to = tokio::net::lookup_host((login.host(), login.port())).await.ok()?.next()?;
    let local = if to.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = tokio::net::UdpSocket::bind(local).await.ok()?;
    // Sends nothing: the kernel only finds the way.
    socket.connect(to).await.ok()?;
    Some(socket.local_addr().ok()?.ip())
}
