//! `orgpass connection import --ndjson`: a stream of connections, one a line. A bad line is named with its number and
//! what is wrong with it; nothing of it is stored, and the others are.

use std::io::{BufRead, Read};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use zeroize::{Zeroize, Zeroizing};

use super::operator::Operator;
use super::output::json_line;
use super::{Exit, Failure, Surroundings};
use crate::management::{ImportDocument, Imported, InputFault, MAX_DOCUMENT_BYTES, Refusal};

/// What came of all lines.
#[derive(Debug, Default, Serialize)]
struct Summary {
    created: u64,
    replaced: u64,
    unchanged: u64,
    refused: u64,
}

/// A line that was not imported.
#[derive(Serialize)]
struct BadLine {
    line: u64,
    error: String,
}

pub(super) async fn import(
    operator: &mut Operator,
    around: &mut Surroundings<'_>,
    json: bool,
) -> Result<Exit, Failure> {
    let progress = progress(around.interactive);
    let mut lines = Lines::new(around.input);
    let mut summary = Summary::default();
    while let Some(line) = lines.next()? {
        progress.inc(1);
        let imported = match ImportDocument::parse_line(line) {
            Ok(document) => operator.import(&document).await,
            Err(fault) => Err(Refusal::Input(vec![fault])),
        };
        match imported {
            Ok(Imported::Created) => summary.created += 1,
            Ok(Imported::Replaced) => summary.replaced += 1,
            Ok(Imported::Unchanged) => summary.unchanged += 1,
            Err(refusal) if is_about_the_line(&refusal) => {
                summary.refused += 1;
                let bad = BadLine { line: lines.number, error: refusal.to_string() };
                progress.suspend(|| name_bad_line(&bad, json, around.output, around.errors))?;
            }
            // Every later line would meet the same.
            Err(refusal) => {
                progress.finish_and_clear();
                let message = format!(
                    "stopped at line {}: {refusal}. What came before is imported; the same import again goes on",
                    lines.number
                );
                return Err(Failure::new(Exit::of(&refusal), message));
            }
        }
    }
    progress.finish_and_clear();
    finish(&summary, json, around)
}

fn finish(summary: &Summary, json: bool, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
    let Summary { created, replaced, unchanged, refused } = summary;
    if json {
        json_line(around.output, summary)?;
    } else {
        writeln!(around.output, "{created} created, {replaced} replaced, {unchanged} unchanged, {refused} refused")?;
    }
    Ok(if *refused == 0 { Exit::Success } else { Exit::BadInput })
}

fn name_bad_line(
    bad: &BadLine,
    json: bool,
    output: &mut dyn std::io::Write,
    errors: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    if json { json_line(output, bad) } else { writeln!(errors, "line {}: {}", bad.line, bad.error) }
}

/// Whether another line can fare better.
fn is_about_the_line(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Input(_)
        | Refusal::NotConnected
        | Refusal::Conflict(_)
        | Refusal::TokenHeld(_)
        | Refusal::TokenSpent
        | Refusal::AnotherOrg { .. }
        | Refusal::AnotherUser
        | Refusal::InstallationNeeded
        | Refusal::Busy
        | Refusal::Refused(_)
        | Refusal::RateLimited
        | Refusal::Record { .. }
        | Refusal::NotRevoked { .. }
        | Refusal::NoApp
        | Refusal::AppInUse(_) => true,
        Refusal::NoGrantKeys | Refusal::NoHub | Refusal::Unavailable { .. } | Refusal::Failed { .. } => false,
    }
}

fn progress(interactive: bool) -> ProgressBar {
    let target = if interactive { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{spinner} {human_pos} lines, {per_sec}, {elapsed}")
        .expect("the template is valid");
    let progress = ProgressBar::with_draw_target(None, target).with_style(style);
    if interactive {
        progress.enable_steady_tick(Duration::from_millis(200));
    }
    progress
}

/// Lines of bounded length; a longer one is skipped as a whole and named.
pub(super) struct Lines<'a> {
    input: &'a mut dyn BufRead,
    line: Zeroizing<Vec<u8>>,
    /// The number of the line that was given last, from 1.
    pub(super) number: u64,
}

/// A line, or that it was too long to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Whole(&'a [u8]),
    TooLong,
}

impl<'a> Lines<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead) -> Self {
        Self { input, line: Zeroizing::new(Vec::with_capacity(MAX_DOCUMENT_BYTES + 2)), number: 0 }
    }

    /// The next line that is not empty.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Line<'_>>> {
        loop {
            let whole = self.read()?;
            if self.line.is_empty() {
                return Ok(None);
            }
            self.number += 1;
            if !whole {
                return Ok(Some(Line::TooLong));
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(Line::Whole(self.line.trim_ascii())));
            }
        }
    }

    /// Reads up to the line's end. False if it was longer than a document may be; then its rest is skipped.
    fn read(&mut self) -> std::io::Result<bool> {
        let limit = u64::try_from(MAX_DOCUMENT_BYTES + 1).expect("it is 64 KiB");
        self.line.zeroize();
        (&mut *self.input).take(limit).read_until(b'\n', &mut self.line)?;
        if self.line.len() <= MAX_DOCUMENT_BYTES || self.line.ends_with(b"\n") {
            return Ok(true);
        }
        let mut rest = Zeroizing::new(Vec::with_capacity(MAX_DOCUMENT_BYTES + 1));
        loop {
            rest.zeroize();
            let read = (&mut *self.input).take(limit).read_until(b'\n', &mut rest)?;
            if read == 0 || rest.ends_with(b"\n") {
                return Ok(false);
            }
        }
    }
}

impl ImportDocument {
    fn parse_line(line: Line<'_>) -> Result<Self, InputFault> {
        match line {
            Line::Whole(json) => Self::parse(json),
            Line::TooLong => Err(InputFault::new("", format_args!("is longer than {MAX_DOCUMENT_BYTES} bytes"))),
        }
    }
}
