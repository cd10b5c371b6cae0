//! `orgpass apps ...`: the app that a tenant brings.

use clap::{Args, Subcommand};

use super::connection::key;
use super::import::read_whole;
use super::operator::Operator;
use super::output::json_line;
use super::{Exit, Failure, Surroundings};
use crate::config::Config;
use crate::management::{AppDocument, AppView, Refusal};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bring an app for a tenant, from standard input, in place of the one before
    ///
    /// One JSON object: client_id and name, and where there are any client_secret, private_key, login_url,
    /// sandbox_login_url, scopes, logo, accent and introspect. What is left out, the app does not have.
    #[command(after_help = "Examples:\n  orgpass apps put --tenant acme < acme-app.json")]
    Put(Whose),
    /// Show the app that a tenant brought; never its secrets
    #[command(after_help = "Examples:\n  orgpass apps show --tenant acme --json")]
    Show(Whose),
    /// Forget the app that a tenant brought; refused while connections use it
    #[command(after_help = "Examples:\n  orgpass apps remove --tenant acme")]
    Remove(Whose),
}

/// Names a tenant.
#[derive(Args, Debug)]
pub(super) struct Whose {
    /// The tenant's name
    #[arg(long, value_name = "T")]
    tenant: String,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(super) fn run(self, config: &Config, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut operator = Operator::reach(config).await?;
            match self {
                Self::Put(whose) => {
                    let key = key(&whose.tenant, None)?;
                    let input = read_whole(around.input)?;
                    let document = AppDocument::parse(&input).map_err(|fault| Refusal::Input(vec![fault]))?;
                    let view = operator.put_app(&key, &document).await?;
                    print(&view, whose.json, around)
                }
                Self::Show(whose) => {
                    let view = operator.app(&key(&whose.tenant, None)?).await?;
                    print(&view, whose.json, around)
                }
                Self::Remove(whose) => {
                    operator.remove_app(&key(&whose.tenant, None)?).await?;
                    writeln!(around.output, "forgotten")?;
                    Ok(Exit::Success)
                }
            }
        })
    }
}

fn print(view: &AppView, json: bool, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
    if json {
        json_line(around.output, view)?;
        return Ok(Exit::Success);
    }
    let there = |there| if there { "there" } else { "none" }.to_owned();
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    for (what, value) in [
        ("name", view.name.clone()),
        ("client id", view.client_id.clone()),
        ("client secret", there(view.has_client_secret)),
        ("private key", there(view.has_private_key)),
        ("login URL", view.login_url.clone()),
        ("sandbox login URL", view.sandbox_login_url.clone()),
        ("scopes", view.scopes.join(" ")),
        ("logo", there(view.logo.is_some())),
        ("accent", or_none(&view.accent)),
        ("introspect", if view.introspect { "yes" } else { "no" }.to_owned()),
    ] {
        writeln!(around.output, "{what:<18} {value}")?;
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests;
