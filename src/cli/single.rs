//! `orgpass connection show|check|refresh|remove`: what is done to one connection.

use clap::Args;

use super::connection::{Name, Which};
use super::operator::Operator;
use super::output::{json_line, table, time};
use super::{Exit, Failure, Surroundings};
use crate::management::{ConnectionView, Removed, SessionFound, WhenNotRevoked};

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

/// Revoke a connection at Salesforce, then forget it
///
/// If Salesforce does not confirm the revocation, the connection is kept and the command exits with 69.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass connection remove --tenant acme --user u-17\n  \
                        orgpass connection remove --tenant acme --forget-anyway")]
pub(super) struct RemoveArguments {
    #[command(flatten)]
    name: Name,
    /// Forget it even if it cannot be revoked; the authorization then lives on at Salesforce until it is revoked there
    #[arg(long)]
    forget_anyway: bool,
}

impl RemoveArguments {
    pub(super) async fn run(self, operator: &mut Operator, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let key = self.name.key()?;
        let otherwise = if self.forget_anyway { WhenNotRevoked::Forget } else { WhenNotRevoked::Keep };
        match operator.remove(&key, otherwise).await? {
            Removed::Revoked => writeln!(around.output, "{key}: revoked at Salesforce and forgotten")?,
            Removed::NothingToRevoke => writeln!(around.output, "{key}: forgotten; there was no token to revoke")?,
            Removed::ForgottenOnly(why) => writeln!(
                around.output,
                "{key}: forgotten, but NOT revoked at Salesforce: {why}\n\
                 Revoke it there: Setup > Connected Apps OAuth Usage"
            )?,
        }
        Ok(Exit::Success)
    }
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
        ("local token", Some(view.local_token.clone())),
        ("unreadable", view.unreadable.clone()),
    ];
    let rows: Vec<_> = rows.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).collect();
    table(around.output, &rows)?;
    Ok(Exit::Success)
}
