//! One connection: its state, its session, what it may do.

use std::sync::Arc;

use super::setup::Site;
use super::{Finding, Report};
use crate::cli::Failure;
use crate::cli::operator::Operator;
use crate::config::Config;
use crate::connection::{Cause, ConnectionKey, Status};
use crate::management::{ApiFound, ConnectionView, Refusal, SessionFound};

/// Of the daily calls, from which one should know.
const MUCH_USED_PERCENT: u64 = 80;

pub(super) async fn examine(
    config: &Config,
    site: &Site,
    key: &ConnectionKey,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    let mut operator = match &site.engine {
        Some(engine) => Operator::Direct(Arc::clone(&engine.management)),
        None => match Operator::reach(config).await {
            Ok(operator) => operator,
            Err(failure) => {
                report.add(Finding::skip("connection", failure.message))?;
                return Ok(());
            }
        },
    };
    let view = match operator.show(key).await {
        Ok(view) => view,
        Err(refusal) => {
            let fix = "orgpass connection list shows those there are; orgpass connection link makes a new one";
            report.add(Finding::fail("connection", refusal.to_string(), fix))?;
            return Ok(());
        }
    };
    status(&view, report)?;
    scopes(&view, report)?;
    match operator.check(key).await {
        Ok(checked) => {
            let session = match checked.session {
                SessionFound::Alive => "alive",
                SessionFound::Renewed => "was dead, and has been renewed",
            };
            let seen = format!("{session}; org {}, user {}", checked.org_id, checked.user_id);
            report.add(Finding::pass("session", seen))?;
        }
        Err(Refusal::Refused(cause)) => {
            report.add(Finding::fail("session", cause.meaning(), cause.fix()))?;
            return Ok(());
        }
        Err(refusal) => {
            report.add(Finding::warn("session", refusal.to_string(), "try again in a minute"))?;
            return Ok(());
        }
    }
    match operator.examine(key).await {
        Ok(found) => api(&found, report)?,
        Err(refusal) => report.add(Finding::warn("api access", refusal.to_string(), "try again in a minute"))?,
    }
    Ok(())
}

fn status(view: &ConnectionView, report: &mut Report<'_>) -> Result<(), Failure> {
    let line = &view.line;
    if let Some(why) = &view.unreadable {
        report.add(Finding::fail("record", why.clone(), "give the key file that it was sealed with"))?;
    }
    let seen = format!("{} by {}, app {}", line.status, line.grant.as_str(), line.app);
    report.add(match (line.status, line.cause) {
        (Status::Active, _) => Finding::pass("status", seen),
        (_, Some(cause)) => Finding::fail("status", format!("{seen}: {}", cause.meaning()), cause.fix()),
        (_, None) => Finding::fail("status", seen, "connect the org: orgpass connection link"),
    })?;
    Ok(())
}

fn scopes(view: &ConnectionView, report: &mut Report<'_>) -> Result<(), Failure> {
    let missing = view.missing_scopes.join(", ");
    report.add(match (view.scopes.is_empty(), missing.is_empty()) {
        (true, _) => Finding::skip("scopes", "not known: it was imported"),
        (false, true) => Finding::pass("scopes", view.scopes.join(", ")),
        (false, false) => Finding::warn(
            "scopes",
            format!("asked for and not granted: {missing}"),
            "add them to the app's OAuth scopes at Salesforce, then connect again",
        ),
    })?;
    Ok(())
}

fn api(found: &ApiFound, report: &mut Report<'_>) -> Result<(), Failure> {
    match found {
        ApiFound::Accepted(limits) => {
            report.add(Finding::pass("api access", "the REST API accepts the session"))?;
            match limits {
                Some((used, allowed)) if *allowed > 0 && used * 100 / allowed >= MUCH_USED_PERCENT => {
                    let seen = format!("{used} of {allowed} calls of the org are used up in 24 hours");
                    let fix = "find out who calls so much; the limit counts everybody in the org";
                    report.add(Finding::warn("limits", seen, fix))?;
                }
                Some((used, allowed)) => {
                    report.add(Finding::pass("limits", format!("{used} of {allowed} calls used in 24 hours")))?;
                }
                None => report.add(Finding::skip("limits", "the org does not say"))?,
            }
        }
        ApiFound::Refused(code) => {
            let fix = match code.as_deref() {
                Some("REQUEST_LIMIT_EXCEEDED") => {
                    "the org's calls of 24 hours are used up, by everybody together: wait, or buy more"
                }
                Some("API_DISABLED_FOR_ORG") => "the org's edition has no API; Salesforce can add it",
                Some("API_CURRENTLY_DISABLED") => "give the user the permission API Enabled",
                _ => Cause::FreshTokenRefused.fix(),
            };
            let code = code.as_deref().unwrap_or("no code");
            let seen = format!("the REST API refuses a session that is alive ({code})");
            report.add(Finding::fail("api access", seen, fix))?;
        }
    }
    Ok(())
}
