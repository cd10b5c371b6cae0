//! `orgpass connection show|check|refresh`: one connection, looked at or renewed.

use std::time::Duration;

use super::connection::Which;
use super::operator::Operator;
use super::output::{json_line, table, time};
use super::{Exit, Failure, Surroundings};
use crate::management::{ConnectionView, Lifetime, SessionFound};
use crate::token::LifeSource;

pub(super) async fn show(
    which: &Which,
    operator: &mut Operator,
    around: &mut Surroundings<'_>,
) -> Result<Exit, Failure> {
    let view = operator.show(&which.key()?).await?;
    print(&view, which.json, around)
}

pub(super) async fn check(
    which: &Which,
    operator: &mut Operator,
    around: &mut Surroundings<'_>,
) -> Result<Exit, Failure> {
    let checked = operator.check(&which.key()?).await?;
    if which.json {
        json_line(around.output, &checked)?;
        return Ok(Exit::Success);
    }
    let session = match checked.session {
        SessionFound::Alive => "The session is alive.",
        SessionFound::Renewed => "The session was dead and has been renewed.",
    };
    writeln!(around.output, "{session} The org says: org {}, user {}.", checked.org_id, checked.user_id)?;
    print(&checked.connection, false, around)
}

pub(super) async fn refresh(
    which: &Which,
    operator: &mut Operator,
    around: &mut Surroundings<'_>,
) -> Result<Exit, Failure> {
    let view = operator.refresh(&which.key()?).await?;
    print(&view, which.json, around)
}

fn print(view: &ConnectionView, json: bool, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
    if json {
        json_line(around.output, view)?;
        return Ok(Exit::Success);
    }
    let line = &view.line;
    let open = view.exchange_open.then(|| "an exchange has begun and its outcome is not known".to_owned());
    let rows = [
        ("tenant", Some(line.tenant.clone())),
        ("user", Some(line.user.clone().unwrap_or_else(|| "none: the installation".to_owned()))),
        ("status", Some(line.status.to_string())),
        ("since", Some(time(line.since.0))),
        ("last used", line.used.map(|used| time(used.0))),
        ("cause", line.cause.map(|cause| cause.to_string())),
        ("meaning", view.meaning.clone()),
        ("fix", view.fix.clone()),
        ("exchange", open),
        ("generation", Some(line.generation.clone())),
        ("app", Some(line.app.clone())),
        ("grant", Some(line.grant.as_str().to_owned())),
        ("instance", view.instance_url.clone()),
        ("login", view.login_url.clone()),
        ("org id", view.org_id.clone()),
        ("user id", view.user_id.clone()),
        ("issued at", view.issued_at.map(time)),
        ("lifetime", Some(lifetime(&view.lifetime))),
        ("local token", Some(view.local_token.clone())),
        ("unreadable", view.unreadable.clone()),
    ];
    let rows: Vec<_> = rows.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).collect();
    table(around.output, &rows)?;
    Ok(Exit::Success)
}

/// How long a session lives, and how that is known.
fn lifetime(lifetime: &Lifetime) -> String {
    let length = humantime::format_duration(Duration::from_secs(lifetime.seconds));
    let how = match lifetime.source {
        LifeSource::Token => "from its issue on, as the token says",
        LifeSource::Introspection => "from its issue on, as Salesforce said",
        LifeSource::Learned => "without use, as was learned when one was refused",
        LifeSource::Configured => "without use, as apps.*.session_time says",
        LifeSource::Default => "without use, as is Salesforce's default",
    };
    format!("{length} {how} ({})", lifetime.source.as_str())
}
