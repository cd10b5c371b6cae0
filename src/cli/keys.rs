//! `orgpass keys`: making keys, deriving some for a sidecar, and changing them while everything runs.

mod derive;
mod retire;
mod rotate;
mod status;

use clap::Subcommand;

use super::operator::Operator;
use super::{Exit, Failure, Surroundings};
use crate::config::Config;
use crate::management::UsagePage;
use crate::vault::new_key_line;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print one new key, to be kept in a key file
    ///
    /// A key file has one key a line; the first seals, any opens. Keep it apart from the store and its backups: whoever
    /// has both can read the tokens, and without it nobody can. Needs no configuration.
    #[command(after_help = "Examples:\n  (umask 077; orgpass keys new > session.keys; orgpass keys new > grant.keys)")]
    New,
    Derive(derive::DeriveArguments),
    Status(status::StatusArguments),
    Rotate(rotate::RotateArguments),
    Retire(retire::RetireArguments),
}

impl Command {
    pub(super) fn run(
        self,
        load: impl FnOnce() -> Result<Config, Failure>,
        around: &mut Surroundings<'_>,
    ) -> Result<Exit, Failure> {
        match self {
            Self::New => {
                writeln!(around.output, "{}", new_key_line().as_str())?;
                around.output.flush()?;
                Ok(Exit::Success)
            }
            Self::Derive(arguments) => arguments.run(&load()?, around),
            with_store => {
                let config = load()?;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let mut operator = Operator::reach(&config).await?;
                    match with_store {
                        Self::Status(arguments) => arguments.run(&mut operator, around).await,
                        Self::Rotate(arguments) => arguments.run(&mut operator, around).await,
                        Self::Retire(arguments) => arguments.run(&config, &mut operator, around).await,
                        Self::New | Self::Derive(_) => Ok(Exit::Success),
                    }
                })
            }
        }
    }
}

/// What all records need of the keys.
async fn usage(operator: &mut Operator) -> Result<UsagePage, Failure> {
    let mut usage = operator.key_usage(None).await?;
    while let Some(cursor) = usage.next.take() {
        usage.add(operator.key_usage(Some(cursor)).await?);
    }
    Ok(usage)
}

/// Says of which connections nothing is known.
fn name_corrupt(usage: &UsagePage, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    for name in &usage.corrupt {
        writeln!(around.errors, "warning: {name}: its record is corrupt, so which key it needs is not known")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
