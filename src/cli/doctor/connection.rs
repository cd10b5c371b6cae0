//! One connection: its state, its session, what it was granted.

use std::sync::Arc;

use super::setup::Site;
use super::{Finding, Report, access};
use crate::cli::Failure;
use crate::cli::operator::Operator;
use crate::config::Config;
use crate::connection::{Cause, ConnectionKey, Status};
use crate::management::{ConnectionView, Refusal, SessionFound};

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
        Err(refusal @ Refusal::NotConnected) => {
            let fix = "orgpass connection list shows those there are; orgpass connection link makes a new one";
            report.add(Finding::fail("connection", refusal.to_string(), fix))?;
            return Ok(());
        }
        Err(refusal) => {
            report.add(Finding::fail("connection", refusal.to_string(), "mend what is said of the store above"))?;
            return Ok(());
        }
    };
    status(&view, report)?;
    scopes(&view, report)?;
    let refused = session(&mut operator, key, report).await?;
    if refused.is_some() {
        report.add(access::by_cause(refused.or(view.line.cause)))?;
        return Ok(());
    }
    match operator.examine(key).await {
        Ok(found) => access::report(&found, &view, &config.transport, report).await,
        Err(refusal) => {
            report.add(Finding::warn("api access", refusal.to_string(), "try again in a minute"))?;
            Ok(())
        }
    }
}

/// Has the session checked; gives why it is refused, if it is, or [`Cause::OutcomeUnknown`] if nobody can say now.
async fn session(
    operator: &mut Operator,
    key: &ConnectionKey,
    report: &mut Report<'_>,
) -> Result<Option<Cause>, Failure> {
    match operator.check(key).await {
        Ok(checked) => {
            let session = match checked.session {
                SessionFound::Alive => "alive",
                SessionFound::Renewed => "was dead, and has been renewed",
            };
            let seen = format!("{session}; org {}, user {}", checked.org_id, checked.user_id);
            report.add(Finding::pass("session", seen))?;
            Ok(None)
        }
        Err(Refusal::Refused(cause)) => {
            report.add(Finding::fail("session", cause.meaning(), cause.fix()))?;
            Ok(Some(cause))
        }
        Err(refusal) => {
            report.add(Finding::warn("session", refusal.to_string(), "try again in a minute"))?;
            Ok(Some(Cause::OutcomeUnknown))
        }
    }
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
