//! `orgpass config check`.

use clap::Subcommand;

use super::{Exit, Failure, Surroundings};
use crate::config::Config;
use crate::oauth::{App, AppKey};
use crate::store::StoreUrl;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read the configuration and say everything that is wrong with it, each fault with its key
    ///
    /// Reads the file, the environment and every file that they name. Opens no port, no store and no connection.
    /// Exits with 0 if serve would accept it, else with 64.
    #[command(
        after_help = "Examples:\n  orgpass config check\n  orgpass config check --config /etc/orgpass/orgpass.toml"
    )]
    Check,
}

impl Command {
    pub(super) fn run(self, config: &Config, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let Self::Check = self;
        for warning in &config.warnings {
            writeln!(around.errors, "warning: {}: {}", warning.key, warning.message)?;
        }
        let out = &mut *around.output;
        writeln!(out, "The configuration is good.")?;
        writeln!(out, "  proxy    {}", config.proxy.listen)?;
        writeln!(out, "  ops      http://{}", config.ops.listen)?;
        writeln!(out, "  store    {}", config.store.url)?;
        match &config.control {
            Some(path) => writeln!(out, "  control  unix:{}", path.display())?,
            None => writeln!(out, "  control  none; name one in control.listen")?,
        }
        let tenants =
            config.vault().tenants().map_or_else(String::new, |tenants| format!(" of {} tenants", tenants.len()));
        let grant_keys = match (config.vault().has_grant_keys(), &config.store.url) {
            (true, _) => "session and grant keys".to_owned(),
            (false, StoreUrl::Redis(_)) => {
                format!("session keys{tenants} only: new tokens come from processes that have grant keys")
            }
            (false, StoreUrl::File(_)) => "session keys only".to_owned(),
        };
        writeln!(out, "  vault    {grant_keys}")?;
        writeln!(out, "  egress   {}", config.transport.egress)?;
        let apps: Vec<_> = config.apps.iter().map(|app| named(app)).collect();
        writeln!(out, "  apps     {}", if apps.is_empty() { "none".to_owned() } else { apps.join(", ") })?;
        Ok(Exit::Success)
    }
}

/// An app, with the name of its key if it signs assertions.
fn named(app: &App) -> String {
    match app.private_key.as_ref().map(AppKey::read) {
        Some(Ok(key)) => format!("{} (signs with key {})", app.name, key.id()),
        Some(Err(_)) | None => app.name.clone(),
    }
}
