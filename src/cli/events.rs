//! `orgpass events`: what has changed, and what changes.

use std::time::Duration;

use clap::Args;

use super::operator::Operator;
use super::output::{json_line, time};
use super::{Exit, Failure, Surroundings};
use crate::config::Config;
use crate::management::{EventLine, Refusal, StateLine};
use crate::store::StoreUrl;

/// Between two looks of --follow.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const PAGE: usize = 500;

/// Show how connections have changed, oldest first
///
/// Every change of status, cause or authorization is an event; about the last 100,000 are kept.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass events\n  orgpass events --after 1764152100000-0 --json\n  \
                        orgpass events --follow")]
pub(super) struct EventsArguments {
    /// Only those after this event, by its id
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Go on showing them as they come
    #[arg(long)]
    follow: bool,
    /// Print JSON, one object a line, for programs
    #[arg(long)]
    json: bool,
}

impl EventsArguments {
    pub(super) fn run(self, config: &Config, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut operator = Some(Operator::reach(config).await?);
            let mut after = self.after;
            loop {
                let Some(reached) = &mut operator else {
                    operator = Operator::reach(config).await.ok();
                    if operator.is_none() {
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                    continue;
                };
                let events = match reached.events(after.clone(), PAGE).await {
                    Ok(events) => events,
                    // The store, or the process that has it open, may come back; asking again does no harm.
                    Err(refusal) if self.follow && (refusal.is_passing() || is_cut_off(reached, &refusal)) => {
                        operator = None;
                        tokio::time::sleep(LOOK_AGAIN).await;
                        continue;
                    }
                    Err(refusal) => return Err(refusal.into()),
                };
                for event in &events {
                    if self.json {
                        json_line(around.output, event)?;
                    } else {
                        writeln!(around.output, "{}", line(event))?;
                    }
                }
                match events.last() {
                    Some(last) => after = Some(last.id.clone()),
                    None if self.follow => {
                        // Nobody else can open the file while it is open here.
                        if matches!((&reached, &config.store.url), (Operator::Direct(_), StoreUrl::File(_))) {
                            operator = None;
                        }
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                    None => return Ok(Exit::Success),
                }
            }
        })
    }
}

/// Whether the running `serve` went away over the question.
fn is_cut_off(operator: &Operator, refusal: &Refusal) -> bool {
    matches!((operator, refusal), (Operator::Running(_), Refusal::Failed { .. }))
}

fn line(event: &EventLine) -> String {
    let user = event.user.as_ref().map(|user| format!(" user {user}")).unwrap_or_default();
    let state = |state: &Option<StateLine>, none: &str| match state {
        None => none.to_owned(),
        Some(StateLine { status, cause: None }) => status.to_string(),
        Some(StateLine { status, cause: Some(cause) }) => format!("{status} ({cause})"),
    };
    let (before, after) = (state(&event.before, "new"), state(&event.after, "removed"));
    format!("{}  {}  tenant {}{user}: {before} -> {after}", event.id, time(event.at.0), event.tenant)
}
