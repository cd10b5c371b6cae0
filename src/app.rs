//! Stands in for the composition root until it lands.

use crate::config::Config;

/// Runs the proxy until it is asked to stop.
pub fn run(_config: Config) -> anyhow::Result<()> {
    anyhow::bail!("serve is not in this build")
}
