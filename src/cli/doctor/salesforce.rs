//! Salesforce's part: names, TLS, clocks, addresses, apps. It is looked at from here, whoever has the store.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::clock::Clocks;
use super::{Finding, Report};
use crate::app;
use crate::cli::Failure;
use crate::config::Config;
use crate::management::{AppFound, Examiner, HostFound, addresses_of};
use crate::salesforce::hosts::LoginUrl;
use crate::transport::EgressProxy;

/// Examines every login host and every app.
pub(super) async fn hosts_and_apps(config: &Config, report: &mut Report<'_>) -> Result<(), Failure> {
    if !config.vault().has_grant_keys() {
        report.add(Finding::skip("login hosts", "a sidecar does not talk to them; run doctor where the hub runs"))?;
        return Ok(());
    }
    let examiner = app::examiner(config)?;
    let mut examined = BTreeSet::new();
    for app in config.apps.iter() {
        if examined.insert(app.login_url.to_string()) {
            host(&examiner, &app.login_url, report).await?;
        }
        let name = format!("apps.{}", app.name);
        report.add(match examiner.app(app).await {
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

async fn host(examiner: &Examiner, login: &LoginUrl, report: &mut Report<'_>) -> Result<(), Failure> {
    let found = examiner.host(login).await;
    if let Some(proxy) = examiner.egress(login) {
        report.add(egress(login, proxy, &found))?;
    } else {
        report.add(dns(login, &found).await)?;
    }
    report.add(tls(login, &found))?;
    let HostFound::Answers(there) = found else { return Ok(()) };
    if let Some(proxy) = examiner.egress(login) {
        let seen = format!("exchanges leave from where {} is; Salesforce's Login History shows its address", proxy.url);
        report.add(Finding::pass("egress address", seen))?;
    } else if let Some(address) = leaves_from(login.host(), login.port()).await {
        let seen = format!("calls leave this machine from {address}; Salesforce's Login History shows what it becomes");
        report.add(Finding::pass("egress address", seen))?;
    }
    report.add(clock(login, there))?;
    Ok(())
}

fn egress(login: &LoginUrl, proxy: &EgressProxy, found: &HostFound) -> Finding {
    match found {
        HostFound::NoWay(why) => {
            let (url, credentials) = (proxy.url_key(), proxy.credentials_key());
            let fix = format!("look at {url}, at {credentials} and at that proxy, which must let out to {login}");
            Finding::fail("egress proxy", why.clone(), &fix)
        }
        _ => Finding::pass("egress proxy", format!("{} opens the way to {login}, and resolves its name", proxy.url)),
    }
}

async fn dns(login: &LoginUrl, found: &HostFound) -> Finding {
    match found {
        HostFound::NoName(why) => Finding::fail(
            "dns",
            format!("the name of {login} does not resolve: {why}"),
            "check the name in login_url, and this machine's resolver (/etc/resolv.conf; in a cluster its DNS policy)",
        ),
        HostFound::SpecialAddress(why) => Finding::fail(
            "dns",
            format!("{login}: {why}"),
            "if that is a private link, set salesforce.allow_private_addresses; else somebody answers for Salesforce",
        ),
        _ => {
            let addresses = addresses_of(login).await.unwrap_or_default();
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            Finding::pass("dns", format!("{login} is {}", addresses.join(", ")))
        }
    }
}

fn tls(login: &LoginUrl, found: &HostFound) -> Finding {
    match found {
        HostFound::NoName(_) | HostFound::SpecialAddress(_) => {
            Finding::skip("tls", format!("{login} has no address to go to"))
        }
        HostFound::NoWay(_) => Finding::skip("tls", format!("no way leads to {login}")),
        HostFound::Unreachable(why) => Finding::fail(
            "tls",
            format!("{login}: {why}"),
            "let this machine out to that host's port: firewall, network policy, security group, route",
        ),
        HostFound::NoTls(why) => Finding::fail(
            "tls",
            format!("{login}: {why}"),
            "if a proxy breaks TLS open on the way, put its root into salesforce.ca_file; else check this machine's clock",
        ),
        HostFound::NoAnswer(why) => {
            Finding::fail("tls", format!("{login} is reached, and: {why}"), "is that host Salesforce's, and up?")
        }
        HostFound::Answers(_) if login.is_https() => Finding::pass("tls", format!("{login}: its certificate is good")),
        HostFound::Answers(_) => Finding::skip("tls", format!("{login} is a trusted host without TLS")),
    }
}

fn clock(login: &LoginUrl, there: Option<SystemTime>) -> Finding {
    let fix = "have the clock set by NTP; assertions are refused when clocks are minutes apart";
    match there.map(Clocks::beside) {
        None => Finding::skip("clock", format!("{login} does not say what time it is")),
        Some(Clocks::Apart(apart)) => Finding::fail("clock", format!("{} s from {login}", apart.as_secs()), fix),
        Some(Clocks::Drift(apart)) => Finding::warn("clock", format!("{} s from {login}", apart.as_secs()), fix),
        Some(Clocks::Agree) => Finding::pass("clock", format!("agrees with {login}")),
    }
}

/// The address of this machine that a connection there would have.
pub(super) async fn leaves_from(host: &str, port: u16) -> Option<std::net::IpAddr> {
    let to = tokio::net::lookup_host((host, port)).await.ok()?.next()?;
    let local = if to.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = tokio::net::UdpSocket::bind(local).await.ok()?;
    // Sends nothing: the kernel only finds the way.
    socket.connect(to).await.ok()?;
    Some(socket.local_addr().ok()?.ip())
}
