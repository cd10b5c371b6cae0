//! `orgpass keys derive`.

use clap::Args;

use crate::cli::connection::key;
use crate::cli::{Exit, Failure, Surroundings};
use crate::config::Config;

/// Print session keys for a sidecar that serves some tenants only
///
/// The lines are a key file for that sidecar's vault.session_keys_file: with them it opens and seals the sessions of
/// these tenants, and nothing else can be made of them. Every key of this configuration's session_keys_file is derived,
/// in its order; so after adding a key or moving one first, derive again.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  (umask 077; orgpass keys derive --tenant acme --tenant globex > sidecar.keys)")]
pub(in crate::cli) struct DeriveArguments {
    /// A tenant's name; may be given many times
    #[arg(long = "tenant", value_name = "T", required = true)]
    tenants: Vec<String>,
}

impl DeriveArguments {
    pub(super) fn run(self, config: &Config, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let mut tenants = self.tenants;
        tenants.sort();
        tenants.dedup();
        let tenants = tenants.iter().map(|tenant| key(tenant, None)).collect::<Result<Vec<_>, _>>()?;
        let lines = config
            .vault()
            .derive_session_keys(&tenants)
            .map_err(|error| Failure::new(Exit::Usage, format!("the file of vault.session_keys_file {error}")))?;
        around.output.write_all(lines.as_bytes())?;
        around.output.flush()?;
        Ok(Exit::Success)
    }
}
