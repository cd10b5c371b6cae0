//! `orgpass serve`.

use super::{Exit, Failure};
use crate::config::Config;

/// Runs the proxy until it is asked to stop.
pub(super) fn run(config: Config) -> Result<Exit, Failure> {
    crate::app::run(config).map_err(|error| Failure::new(Exit::Failed, format!("{error:#}")))?;
    Ok(Exit::Success)
}
