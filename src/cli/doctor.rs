//! `orgpass doctor`: goes through everything that has to be right, and says of each thing whether it is, and the fix.

mod access;
mod clock;
mod connection;
mod finding;
mod salesforce;
mod setup;

use clap::Args;

use self::finding::{Finding, Report};
use super::connection::key;
use super::{Exit, Failure, Surroundings};
use crate::config::Config;

/// Check configuration, keys, store, clock, network and app, and with --tenant a connection
///
/// Changes nothing and spends no token, but for a session that is dead and is renewed. Each line says pass, warn, fail
/// or skip, what was seen, and what to do. Exits with 1 if something failed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass doctor\n  orgpass doctor --tenant acme --user u-17 --json")]
pub(super) struct DoctorArguments {
    /// A tenant whose connection is examined too
    #[arg(long, value_name = "T")]
    tenant: Option<String>,
    /// Its user; without it, the tenant's installation connection is meant
    #[arg(long, value_name = "U", requires = "tenant")]
    user: Option<String>,
    /// Print JSON, one object a line, for programs
    #[arg(long)]
    json: bool,
}

impl DoctorArguments {
    pub(super) fn run(
        self,
        load: impl FnOnce() -> Result<Config, Failure>,
        around: &mut Surroundings<'_>,
    ) -> Result<Exit, Failure> {
        let key = self.tenant.as_ref().map(|tenant| key(tenant, self.user.as_deref())).transpose()?;
        let mut report = Report::new(around.output, self.json);
        let config = match load() {
            Ok(config) => config,
            Err(failure) => {
                let fix = "see docs/configuration.md; orgpass config check says the same";
                report.add(Finding::fail("configuration", failure.message, fix))?;
                return Ok(report.exit());
            }
        };
        setup::configuration(&config, &mut report)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let site = setup::store(&config, &mut report).await?;
            setup::hub(&config, &mut report).await?;
            salesforce::hosts_and_apps(&config, &mut report).await?;
            if let Some(key) = &key {
                connection::examine(&config, &site, key, &mut report).await?;
            }
            Ok::<_, Failure>(())
        })?;
        Ok(report.exit())
    }
}
