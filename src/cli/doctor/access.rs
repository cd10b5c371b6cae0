//! What a connection's session may do at its org: the REST API, from this address, how many calls.

use super::salesforce::leaves_from;
use super::{Finding, Report};
use crate::cli::Failure;
use crate::connection::Cause;
use crate::management::{ApiFound, ConnectionView};
use crate::salesforce::hosts::InstanceUrl;
use crate::transport::Settings;

/// Of the daily calls, from which one should know.
const MUCH_USED_PERCENT: u64 = 80;

/// A session that is alive was shown to the REST API.
pub(super) async fn report(
    found: &ApiFound,
    view: &ConnectionView,
    hosts: &Settings,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    report.add(api(found))?;
    report.add(match found {
        ApiFound::Accepted(_) => Finding::pass("ip restriction", "the org takes calls from here"),
        ApiFound::Refused(code) if is_about_the_session(code.as_deref()) => restricted(view, hosts).await,
        ApiFound::Refused(_) => Finding::skip("ip restriction", "the API refuses for another reason; mend that first"),
    })?;
    if let ApiFound::Accepted(used) = found {
        report.add(limits(*used))?;
    }
    Ok(())
}

/// Whether an IP restriction is why there is no session to ask with.
pub(super) fn by_cause(cause: Option<Cause>) -> Finding {
    match cause {
        Some(cause @ (Cause::IpRestricted | Cause::IpRestrictedByApp)) => {
            Finding::fail("ip restriction", cause.meaning(), cause.fix())
        }
        Some(Cause::FreshTokenRefused) => Finding::fail(
            "ip restriction",
            "the org refuses even a new session: that is most often an IP restriction",
            Cause::FreshTokenRefused.fix(),
        ),
        _ => Finding::skip("ip restriction", "only a session that is alive can tell"),
    }
}

fn api(found: &ApiFound) -> Finding {
    let code = match found {
        ApiFound::Accepted(_) => return Finding::pass("api access", "the REST API accepts the session"),
        ApiFound::Refused(code) => code.as_deref(),
    };
    let fix = match code {
        Some("REQUEST_LIMIT_EXCEEDED") => {
            "the org's calls of 24 hours are used up, by everybody together: wait, or buy more"
        }
        Some("API_DISABLED_FOR_ORG") => "the org's edition has no API; Salesforce can add it",
        Some("API_CURRENTLY_DISABLED") => "give the user the permission API Enabled",
        _ => Cause::FreshTokenRefused.fix(),
    };
    let seen = format!("the REST API refuses a session that is alive ({})", code.unwrap_or("no code"));
    Finding::fail("api access", seen, fix)
}

/// Of a session that the org's own identity service has just accepted: then it is not dead, but not liked here.
fn is_about_the_session(code: Option<&str>) -> bool {
    matches!(code, None | Some("INVALID_SESSION_ID" | "INSUFFICIENT_ACCESS" | "RESTRICTED_IP"))
}

async fn restricted(view: &ConnectionView, hosts: &Settings) -> Finding {
    let instance = view.instance_url.as_deref().and_then(|url| InstanceUrl::parse(url, &hosts.trusted_hosts).ok());
    let from = match instance {
        Some(instance) => match hosts.egress.of_call(&instance) {
            Some(proxy) => Some(format!("that of the egress proxy {}", proxy.url)),
            None => leaves_from(instance.host(), instance.port())
                .await
                .map(|address| format!("{address} or what it becomes on the way out")),
        },
        None => None,
    };
    let from = from.map_or_else(String::new, |from| format!(" {from},"));
    let fix = format!(
        "allow this machine's address,{from} in the profile's login IP ranges or relax the app's IP policy; if it is \
         allowed, look for missing API access of the user or a session policy (IP lock, high assurance)"
    );
    Finding::fail("ip restriction", "the session is alive, and the API refuses it from here", &fix)
}

fn limits(used: Option<(u64, u64)>) -> Finding {
    match used {
        Some((used, allowed)) if allowed > 0 && used * 100 / allowed >= MUCH_USED_PERCENT => Finding::warn(
            "limits",
            format!("{used} of {allowed} calls of the org are used up in 24 hours"),
            "find out who calls so much; the limit counts everybody in the org",
        ),
        Some((used, allowed)) => Finding::pass("limits", format!("{used} of {allowed} calls used in 24 hours")),
        None => Finding::skip("limits", "the org does not say"),
    }
}
