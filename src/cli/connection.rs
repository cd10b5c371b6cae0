//! `orgpass connection ...`: which connection, and what to do with it.

use clap::{Args, Subcommand};

use super::import::ImportArguments;
use super::link::LinkArguments;
use super::list::ListArguments;
use super::operator::Operator;
use super::remove::RemoveArguments;
use super::{Exit, Failure, Surroundings, single};
use crate::config::Config;
use crate::connection::{ConnectionKey, parse_name};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Import(ImportArguments),
    List(ListArguments),
    /// Show a connection: its state, what the state means and what to do, its org, and its local token; never a token
    #[command(after_help = "Examples:\n  orgpass connection show --tenant acme\n  \
                            orgpass connection show --tenant acme --user u-17 --json")]
    Show(Which),
    /// Ask the org whether the session is alive, and get a new one if it is not
    ///
    /// Calls userinfo at the connection's instance with the present session; exchanges only if that is dead, or if
    /// the connection is misconfigured and only an exchange can find that mended. Sets the connection's status to what
    /// was found. Exits with 77 if Salesforce refuses, and says why and what to do.
    #[command(after_help = "Examples:\n  orgpass connection check --tenant acme")]
    Check(Which),
    /// Get a new session now, whatever the present one is good for
    #[command(after_help = "Examples:\n  orgpass connection refresh --tenant acme --user u-17")]
    Refresh(Which),
    Link(LinkArguments),
    Remove(RemoveArguments),
}

/// Names one connection.
#[derive(Args, Clone, Debug)]
pub(super) struct Which {
    /// The tenant's name
    #[arg(long, value_name = "T")]
    tenant: String,
    /// The user's name; without it, the tenant's installation connection is meant
    #[arg(long, value_name = "U")]
    user: Option<String>,
    /// Print JSON, for programs
    #[arg(long)]
    pub(super) json: bool,
}

impl Which {
    pub(super) fn key(&self) -> Result<ConnectionKey, Failure> {
        key(&self.tenant, self.user.as_deref())
    }
}

/// The key that two flags name, checked.
pub(super) fn key(tenant: &str, user: Option<&str>) -> Result<ConnectionKey, Failure> {
    let usage = |flag: &str, error| Failure::new(Exit::Usage, format!("{flag} {error}"));
    parse_name(tenant.as_bytes()).map_err(|error| usage("--tenant", error))?;
    ConnectionKey::parse(tenant, user).map_err(|error| usage("--user", error))
}

impl Command {
    pub(super) fn run(self, config: &Config, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut operator = Operator::reach(config).await?;
            match self {
                Self::Import(arguments) => arguments.run(config, &mut operator, around).await,
                Self::List(arguments) => arguments.run(&mut operator, around).await,
                Self::Show(which) => single::show(&which, &mut operator, around).await,
                Self::Check(which) => single::check(&which, &mut operator, around).await,
                Self::Refresh(which) => single::refresh(&which, &mut operator, around).await,
                Self::Link(arguments) => arguments.run(&mut operator, around).await,
                Self::Remove(arguments) => arguments.run(&mut operator, around).await,
            }
        })
    }
}
