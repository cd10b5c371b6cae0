//! `orgpass keys new`.

use clap::Subcommand;

use super::{Exit, Failure, Surroundings};
use crate::vault::new_key_line;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print one new key, to be kept in a key file
    ///
    /// A key file has one key a line; the first seals, any opens. Keep it apart from the store and its backups: whoever
    /// has both can read the tokens, and without it nobody can. Needs no configuration.
    #[command(after_help = "Examples:\n  (umask 077; orgpass keys new > session.keys; orgpass keys new > grant.keys)")]
    New,
}

impl Command {
    pub(super) fn run(self, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let Self::New = self;
        writeln!(around.output, "{}", new_key_line().as_str())?;
        around.output.flush()?;
        Ok(Exit::Success)
    }
}
