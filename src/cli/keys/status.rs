//! `orgpass keys status`.

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;

use super::{name_corrupt, usage};
use crate::cli::operator::Operator;
use crate::cli::output::{json_line, table};
use crate::cli::{Exit, Failure, Surroundings};
use crate::management::UsagePage;
use crate::vault::{KeyId, Purpose};

/// Connections that are named when they cannot be opened.
const NAMED: usize = 10;

/// Say which keys there are, how many records need each, and which may be retired
///
/// Looks at the rings of the running serve, or of this configuration when none runs, and at every record.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass keys status\n  \
                        orgpass keys status --json | jq -r 'select(.state == \"unknown\") | .key'")]
pub(in crate::cli) struct StatusArguments {
    /// Print JSON, one object a line, for programs
    #[arg(long)]
    json: bool,
}

/// One key of a ring, or one that a record names.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) purpose: Purpose,
    pub(super) key: KeyId,
    pub(super) records: u64,
    pub(super) state: State,
}

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// The first of its ring.
    Seals,
    /// Records need it.
    Needed,
    /// No record needs it.
    Unused,
    /// Records need it and no ring has it.
    Unknown,
}

impl State {
    fn words(self) -> &'static str {
        match self {
            Self::Seals => "seals",
            Self::Needed => "still needed; orgpass keys rotate ends that",
            Self::Unused => "not needed; may be retired, or is to seal next",
            Self::Unknown => "UNKNOWN: not in the key file, these records cannot be opened",
        }
    }
}

impl StatusArguments {
    pub(super) async fn run(self, operator: &mut Operator, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let usage = usage(operator).await?;
        let lines = lines(&usage);
        if self.json {
            for line in &lines {
                json_line(around.output, line)?;
            }
        } else {
            let mut rows = vec![["RING", "KEY", "RECORDS", "STATE"].map(str::to_owned)];
            rows.extend(lines.iter().map(Line::row));
            table(around.output, &rows)?;
        }
        name_corrupt(&usage, around)?;
        remark(&usage, around)?;
        Ok(Exit::Success)
    }
}

impl Line {
    fn row(&self) -> [String; 4] {
        let purpose = self.purpose.as_str().to_owned();
        [purpose, self.key.to_string(), self.records.to_string(), self.state.words().to_owned()]
    }
}

/// The keys of each ring in order, then those that only records name.
pub(super) fn lines(usage: &UsagePage) -> Vec<Line> {
    // A sidecar has one key a tenant; what counts as unknown was found out connection by connection.
    let unknown: BTreeSet<_> = usage.unopenable.iter().map(|one| (one.purpose, one.key)).collect();
    let mut lines = Vec::new();
    for ring in &usage.rings {
        let counts = usage.of(ring.purpose);
        for (place, key) in ring.keys.iter().enumerate() {
            let records = counts.get(key).copied().unwrap_or(0);
            let state = match (place, records) {
                (0, _) => State::Seals,
                (_, 0) => State::Unused,
                _ => State::Needed,
            };
            lines.push(Line { purpose: ring.purpose, key: *key, records, state });
        }
        let strange = counts.iter().filter(|(key, _)| unknown.contains(&(ring.purpose, **key)));
        for (key, records) in strange.filter(|(key, _)| !ring.keys.contains(key)) {
            lines.push(Line { purpose: ring.purpose, key: *key, records: *records, state: State::Unknown });
        }
    }
    lines
}

fn remark(usage: &UsagePage, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    for unopenable in usage.unopenable.iter().take(NAMED) {
        let (part, key) = (unopenable.purpose.as_str(), unopenable.key);
        writeln!(around.errors, "warning: {}: its {part} is sealed with the unknown key {key}", unopenable.connection)?;
    }
    if let more @ 1.. = usage.unopenable.len().saturating_sub(NAMED) {
        writeln!(around.errors, "warning: and {more} more")?;
    }
    if !usage.rings.iter().any(|ring| ring.purpose == Purpose::Grant) {
        writeln!(around.errors, "note: without grant keys, only sessions were looked at")?;
    }
    if usage.others > 0 {
        let others = usage.others;
        writeln!(around.errors, "note: {others} connections are of tenants that this process has no keys for")?;
    }
    Ok(())
}
