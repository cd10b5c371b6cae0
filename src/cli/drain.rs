//! `orgpass drain`: asks a running `serve` to stop in order, and waits until it has.

use std::time::Duration;

use clap::Args;

use super::{Exit, Failure};
use crate::config::Config;
use crate::control::Client;

/// Ask the running orgpass serve to stop, and wait until everything in it has ended
///
/// It stops being ready and takes no new connections; calls and exchanges that are under way are finished. Asks through
/// the control socket. Exits with 69 if nobody answers there, and with 75 if it has not ended in time; it goes on
/// stopping then.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass drain\n  orgpass drain --timeout 25")]
pub(super) struct DrainArguments {
    /// For how long to wait, in seconds
    #[arg(long, value_name = "S", default_value_t = 60)]
    timeout: u32,
}

impl DrainArguments {
    pub(super) fn run(self, config: &Config) -> Result<Exit, Failure> {
        let Some(path) = &config.control else {
            let why = "control.listen is not set, and with Redis there is no other way in; name a socket there, or \
                       send orgpass serve a SIGTERM";
            return Err(Failure::new(Exit::Usage, why));
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = Client::connect(path).await.map_err(|error| Failure::new(Exit::Refused, error.to_string()))?;
            let Some(client) = client else {
                let why = format!("no orgpass serve answers at {}", path.display());
                return Err(Failure::new(Exit::Unavailable, why));
            };
            let wait = Duration::from_secs(self.timeout.into());
            match tokio::time::timeout(wait, client.drain()).await {
                Ok(drained) => Ok(drained.map(|()| Exit::Success)?),
                Err(_) => {
                    let why = format!("it has been stopping for {} s and has not ended yet", self.timeout);
                    Err(Failure::new(Exit::TryAgain, why))
                }
            }
        })
    }
}
