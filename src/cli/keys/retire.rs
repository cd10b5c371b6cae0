//! `orgpass keys retire`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::status::{Line, State, lines};
use super::{name_corrupt, usage};
use crate::cli::operator::Operator;
use crate::cli::{Exit, Failure, Surroundings};
use crate::config::Config;
use crate::vault::{KeyId, Purpose, retire};

/// Take a key out of the key file, unless a record still needs it
///
/// Looks at every record first. The key file of this configuration is replaced in one step; the running serve reads it
/// again by itself. Other copies of the file, on other hosts, are for you to change. Exits with 77 if the key seals or
/// is still needed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass keys retire 4f1c0a2b")]
pub(in crate::cli) struct RetireArguments {
    /// The key's id: what stands before the : of its line
    #[arg(value_name = "ID")]
    key: KeyId,
}

impl RetireArguments {
    pub(super) async fn run(
        self,
        config: &Config,
        operator: &mut Operator,
        around: &mut Surroundings<'_>,
    ) -> Result<Exit, Failure> {
        let id = self.key;
        let vault = config.vault();
        let rings: Vec<Purpose> =
            Purpose::ALL.into_iter().filter(|purpose| vault.key_ids(*purpose).contains(&id)).collect();
        if rings.is_empty() {
            let message =
                format!("no key file of this configuration has a key {id}; orgpass keys status shows the keys");
            return Err(Failure::new(Exit::Usage, message));
        }
        let usage = usage(operator).await?;
        name_corrupt(&usage, around)?;
        if let Some(ring) = rings.iter().find(|ring| vault.key_ids(**ring).first() == Some(&id)) {
            return Err(seals(id, *ring));
        }
        for line in lines(&usage).iter().filter(|line| line.key == id) {
            may_go(line)?;
        }
        // One file may serve as both.
        let files: BTreeSet<PathBuf> = rings.iter().filter_map(|ring| vault.file(*ring)).collect();
        for file in &files {
            retire(file, id).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
            writeln!(around.output, "retired {id} from {}", file.display())?;
        }
        writeln!(around.errors, "note: take it out of every other copy of the key file too, and of backups")?;
        Ok(Exit::Success)
    }
}

fn may_go(line: &Line) -> Result<(), Failure> {
    let (id, ring) = (line.key, line.purpose.as_str());
    let message = match (line.state, line.records) {
        (State::Seals, _) => return Err(seals(id, line.purpose)),
        (_, 0) => return Ok(()),
        (_, 1) => format!("1 record still needs {ring} key {id}; run: orgpass keys rotate"),
        (_, records) => format!("{records} records still need {ring} key {id}; run: orgpass keys rotate"),
    };
    Err(Failure::new(Exit::Refused, message))
}

fn seals(id: KeyId, ring: Purpose) -> Failure {
    let ring = ring.as_str();
    let message = format!(
        "key {id} is the first of the {ring} keys, so it seals; move another one first, then run: orgpass keys rotate"
    );
    Failure::new(Exit::Refused, message)
}
