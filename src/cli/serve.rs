//! `orgpass serve`.

use super::{Exit, Failure};
use crate::app;
use crate::config::Config;

/// Runs the proxy until it is asked to stop.
pub(super) fn run(config: &Config) -> Result<Exit, Failure> {
    let clean = app::run(config)?;
    if clean { Ok(Exit::Success) } else { Err(Failure::new(Exit::Failed, "calls or exchanges were cut short")) }
}
