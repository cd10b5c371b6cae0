//! `orgpass keys rotate`.

use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::cli::operator::Operator;
use crate::cli::output::json_line;
use crate::cli::{Exit, Failure, Surroundings};
use crate::management::{NotResealed, RingView};
use crate::vault::Purpose;

/// Between two lines of progress where nobody watches.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Seal every record anew under the first key of each ring
///
/// Works while everything runs, by the running serve where there is one, and changes nothing else of a connection. May
/// be stopped at any moment: what was done stays done, and the same command goes on, since what is under the first key
/// already is passed over. Exits with 1 if a connection could not be sealed anew; each is named.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass keys rotate\n  orgpass keys rotate --json | tail -1 | jq .failed")]
pub(in crate::cli) struct RotateArguments {
    /// Print JSON: one object for each connection that failed, and the counts last
    #[arg(long)]
    json: bool,
}

/// What came of all records.
#[derive(Debug, Default, Serialize)]
struct Summary {
    resealed: u64,
    current: u64,
    failed: u64,
    /// The rings whose first keys seal, those of the process that did it.
    rings: Vec<RingView>,
}

impl RotateArguments {
    pub(super) async fn run(self, operator: &mut Operator, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let mut progress = Progress::new(around.interactive);
        let mut summary = Summary::default();
        let mut cursor = None;
        loop {
            let page = match operator.reseal(cursor).await {
                Ok(page) => page,
                Err(refusal) => {
                    progress.end();
                    let done = summary.resealed;
                    let message = format!("stopped after {done} were resealed: {refusal}. The same command goes on");
                    return Err(Failure::new(Exit::of(&refusal), message));
                }
            };
            summary.resealed += page.resealed;
            summary.current += page.current;
            summary.failed += u64::try_from(page.failed.len()).unwrap_or(u64::MAX);
            summary.rings = page.rings;
            for failed in &page.failed {
                progress.bar.suspend(|| name(failed, self.json, around))?;
            }
            progress.note(&summary, around)?;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        progress.end();
        finish(&summary, self.json, around)
    }
}

fn name(failed: &NotResealed, json: bool, around: &mut Surroundings<'_>) -> std::io::Result<()> {
    if json {
        return json_line(around.output, failed);
    }
    writeln!(around.errors, "{}: {}", failed.connection, failed.why)
}

fn finish(summary: &Summary, json: bool, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
    let Summary { resealed, current, failed, rings } = summary;
    if json {
        json_line(around.output, summary)?;
    } else {
        for ring in rings {
            if let Some(first) = ring.keys.first() {
                writeln!(around.output, "{} key {first} seals", ring.purpose.as_str())?;
            }
        }
        writeln!(around.output, "{resealed} resealed, {current} already current, {failed} failed")?;
    }
    if !rings.iter().any(|ring| ring.purpose == Purpose::Grant) {
        writeln!(
            around.errors,
            "note: without grant keys, only sessions were resealed; grants need a process with them"
        )?;
    }
    Ok(if *failed == 0 { Exit::Success } else { Exit::Failed })
}

/// A line that moves where a person watches, else one now and then.
struct Progress {
    bar: ProgressBar,
    interactive: bool,
    said: Instant,
}

impl Progress {
    fn new(interactive: bool) -> Self {
        let target = if interactive { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{spinner} {human_pos} connections, {per_sec}, {elapsed}")
            .expect("the template is valid");
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        if interactive {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, interactive, said: Instant::now() }
    }

    fn note(&mut self, summary: &Summary, around: &mut Surroundings<'_>) -> std::io::Result<()> {
        let Summary { resealed, current, failed, .. } = summary;
        self.bar.set_position(resealed + current + failed);
        if self.interactive || self.said.elapsed() < SAY_EVERY {
            return Ok(());
        }
        self.said = Instant::now();
        writeln!(around.errors, "so far {resealed} resealed, {current} already current, {failed} failed")
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
