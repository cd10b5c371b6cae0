//! Bulk 2: jobs that take rows in one upload, and jobs that query. Both are done as soon as they are complete.

mod ingest;
mod query;

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::Admitted;
use crate::answer::Answer;
use crate::clock::{Millis, json_timestamp};
use crate::stop::Stop;

/// The most that is uploaded to one job, in bytes.
pub(crate) const UPLOAD: usize = 150 << 20;

/// An org's jobs by id.
#[derive(Default)]
pub(crate) struct Jobs {
    ingests: BTreeMap<String, ingest::Ingest>,
    queries: BTreeMap<String, query::QueryJob>,
}

pub(super) fn answer(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    match below {
        ["ingest", below @ ..] => ingest::answer(request, version, below),
        ["query", below @ ..] => query::answer(request, version, below),
        _ => Err(request.not_found()),
    }
}

/// What both kinds of jobs say of themselves.
#[derive(Clone)]
struct Common {
    id: String,
    operation: String,
    object: String,
    created: Millis,
    created_by: String,
    version: String,
    delimiter: Delimiter,
    line_ending: String,
    state: &'static str,
    processed: usize,
}

#[derive(Clone, Copy)]
struct Delimiter {
    name: &'static str,
    sign: char,
}

const DELIMITERS: [Delimiter; 6] = [
    Delimiter { name: "COMMA", sign: ',' },
    Delimiter { name: "BACKQUOTE", sign: '`' },
    Delimiter { name: "CARET", sign: '^' },
    Delimiter { name: "PIPE", sign: '|' },
    Delimiter { name: "SEMICOLON", sign: ';' },
    Delimiter { name: "TAB", sign: '\t' },
];

impl Common {
    fn asked(request: &Admitted<'_>, version: &str, asked: &Value, object: &str) -> Result<Self, Stop> {
        let text = |name: &str, otherwise: &str| asked[name].as_str().unwrap_or(otherwise).to_owned();
        let delimiter = text("columnDelimiter", "COMMA");
        let delimiter = DELIMITERS.into_iter().find(|known| known.name == delimiter);
        let delimiter = delimiter.ok_or_else(|| request.bad_request("INVALIDJOB", "unknown columnDelimiter"))?;
        let mut world = request.call.shared.world();
        Ok(Self {
            id: world.ids.next("750"),
            operation: text("operation", ""),
            object: object.to_owned(),
            created: request.call.shared.now(),
            created_by: request.user.user_id.clone(),
            version: version.trim_start_matches('v').to_owned(),
            delimiter,
            line_ending: text("lineEnding", "LF"),
            state: "Open",
            processed: 0,
        })
    }

    fn shown(&self, kind: &str) -> Value {
        let at = json_timestamp(self.created);
        json!({
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.created_by,
            "createdDate": at,
            "systemModstamp": at,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": self.version.parse::<f64>().unwrap_or_default(),
            "jobType": kind,
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter.name,
            "retries": 0,
            "totalProcessingTime": 0,
            "numberRecordsProcessed": self.processed,
        })
    }
}

fn list(records: Vec<Value>) -> Answer {
    Answer::json(StatusCode::OK, &json!({"done": true, "records": records, "nextRecordsUrl": null}))
}

fn table(csv: String) -> Answer {
    Answer::new(StatusCode::OK, "text/csv", csv)
}

/// The state that a client wants a job to be in.
fn wanted_state(request: &Admitted<'_>) -> Result<String, Stop> {
    let asked = request.json()?;
    asked.get("state").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| wrong_state(request))
}

fn wrong_state(request: &Admitted<'_>) -> Stop {
    request.bad_request("INVALIDJOBSTATE", "The job is not in a state that allows this")
}
