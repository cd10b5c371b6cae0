//! How Bulk 1 writes jobs, batches and results in XML, JSON and CSV.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::job::{Batch, ContentType, Job};
use crate::clock::{json_timestamp, timestamp};
use crate::csv;
use crate::rest::soql::Query;
use crate::state::records::{RowError, Upserted};
use crate::xml::{self, DECLARATION, Element};

const NAMESPACE: &str = "http://www.force.com/2009/06/asyncapi/dataload";

/// What became of a row.
pub(super) type RowOutcome = Result<Upserted, RowError>;

/// The members of a small JSON object or XML document that are text, whichever the body is.
pub(super) fn elements_of(body: &[u8]) -> Option<BTreeMap<String, String>> {
    if let Ok(json) = serde_json::from_slice::<Value>(body) {
        let members = json.as_object()?.iter();
        return Some(members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect());
    }
    let root = Element::parse(body).ok()?;
    Some(root.children.into_iter().map(|child| (child.name, child.text.trim().to_owned())).collect())
}

pub(super) fn job_info(job: &Job, as_json: bool) -> String {
    document("jobInfo", &job_members(job, as_json), as_json)
}

pub(super) fn batch_info(job: &Job, batch: &Batch, as_json: bool) -> String {
    document("batchInfo", &batch_members(job, batch, as_json), as_json)
}

pub(super) fn batch_list(job: &Job, as_json: bool) -> String {
    let all = job.batches.iter().map(|batch| batch_members(job, batch, as_json));
    if as_json {
        let list: Vec<Value> = all.map(object).collect();
        return json!({"batchInfo": list}).to_string();
    }
    let list: String = all.map(|members| format!("<batchInfo>{}</batchInfo>", elements(&members))).collect();
    format!("{DECLARATION}<batchInfoList xmlns=\"{NAMESPACE}\">{list}</batchInfoList>")
}

/// The names of what a query found.
pub(super) fn result_list(batch: &Batch, as_json: bool) -> String {
    if as_json {
        return json!(batch.result_id.iter().collect::<Vec<_>>()).to_string();
    }
    let list: String = batch.result_id.iter().map(|id| xml::leaf("result", id)).collect();
    format!("{DECLARATION}<result-list xmlns=\"{NAMESPACE}\">{list}</result-list>")
}

/// What a query found.
pub(super) fn found(content_type: ContentType, query: &Query, rows: &[Value]) -> String {
    match content_type {
        ContentType::Json => json!(rows).to_string(),
        ContentType::Csv if rows.is_empty() => "Records not found for this query".to_owned(),
        ContentType::Csv => csv::table(&query.fields, rows, ','),
        ContentType::Xml => {
            let record = |row: &Value| {
                let fields = row.as_object().into_iter().flatten().filter(|(name, _)| *name != "attributes");
                let fields: String = fields.map(|(name, value)| xml::element(name, value)).collect();
                format!("<records xsi:type=\"sObject\"><type>{}</type>{fields}</records>", query.object)
            };
            format!(
                "{DECLARATION}<queryResult xmlns=\"{NAMESPACE}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{}</queryResult>",
                rows.iter().map(record).collect::<String>()
            )
        }
    }
}

/// The result of a batch, row by row.
pub(super) fn results(content_type: ContentType, rows: &[RowOutcome]) -> String {
    match content_type {
        ContentType::Csv => {
            let line = |row: &RowOutcome| match row {
                Ok(done) => csv::line([done.id.as_str(), "true", if done.created { "true" } else { "false" }, ""], ','),
                Err(error) => {
                    let why = format!("{}:{}:{} --", error.code, error.message, error.fields.join(" "));
                    csv::line(["", "false", "false", &why], ',')
                }
            };
            csv::line(["Id", "Success", "Created", "Error"], ',') + &rows.iter().map(line).collect::<String>()
        }
        ContentType::Json => {
            let row = |row: &RowOutcome| match row {
                Ok(done) => json!({"id": done.id, "success": true, "created": done.created, "errors": []}),
                Err(error) => json!({"id": null, "success": false, "created": false, "errors": [error.shown()]}),
            };
            Value::from_iter(rows.iter().map(row)).to_string()
        }
        ContentType::Xml => {
            let row = |row: &RowOutcome| match row {
                Ok(done) => format!(
                    "<result>{}<success>true</success><created>{}</created></result>",
                    xml::leaf("id", &done.id),
                    done.created
                ),
                Err(error) => format!(
                    "<result>{}<success>false</success><created>false</created></result>",
                    xml::element("errors", &error.shown())
                ),
            };
            let list: String = rows.iter().map(row).collect();
            format!("{DECLARATION}<results xmlns=\"{NAMESPACE}\">{list}</results>")
        }
    }
}

/// In the order of the schema, which some clients insist on.
type Members = Vec<(&'static str, Value)>;

fn job_members(job: &Job, as_json: bool) -> Members {
    let at = if as_json { json_timestamp(job.created) } else { timestamp(job.created) };
    let sum = |of: fn(&Batch) -> usize| job.batches.iter().map(of).sum::<usize>();
    let in_state = |state: &str| job.batches.iter().filter(|batch| batch.state == state).count();
    let mut members: Members = vec![
        ("id", job.id.as_str().into()),
        ("operation", job.operation.as_str().into()),
        ("object", job.object.as_str().into()),
        ("createdById", job.created_by.as_str().into()),
        ("createdDate", at.as_str().into()),
        ("systemModstamp", at.into()),
        ("state", job.state.as_str().into()),
    ];
    if let Some(field) = &job.external_id {
        members.push(("externalIdFieldName", field.as_str().into()));
    }
    members.extend([
        ("concurrencyMode", job.concurrency.as_str().into()),
        ("contentType", format!("{:?}", job.content_type).to_uppercase().into()),
        ("numberBatchesQueued", 0.into()),
        ("numberBatchesInProgress", 0.into()),
        ("numberBatchesCompleted", in_state("Completed").into()),
        ("numberBatchesFailed", in_state("Failed").into()),
        ("numberBatchesTotal", job.batches.len().into()),
        ("numberRecordsProcessed", sum(|batch| batch.processed).into()),
        ("numberRetries", 0.into()),
        ("apiVersion", job.version.parse::<f64>().unwrap_or_default().into()),
        ("numberRecordsFailed", sum(|batch| batch.failed).into()),
        ("totalProcessingTime", 0.into()),
        ("apiActiveProcessingTime", 0.into()),
        ("apexProcessingTime", 0.into()),
    ]);
    members
}

fn batch_members(job: &Job, batch: &Batch, as_json: bool) -> Members {
    let at = if as_json { json_timestamp(batch.created) } else { timestamp(batch.created) };
    let mut members: Members =
        vec![("id", batch.id.as_str().into()), ("jobId", job.id.as_str().into()), ("state", batch.state.into())];
    if let Some(message) = &batch.message {
        members.push(("stateMessage", message.as_str().into()));
    }
    members.extend([
        ("createdDate", at.as_str().into()),
        ("systemModstamp", at.into()),
        ("numberRecordsProcessed", batch.processed.into()),
        ("numberRecordsFailed", batch.failed.into()),
        ("totalProcessingTime", 0.into()),
        ("apiActiveProcessingTime", 0.into()),
        ("apexProcessingTime", 0.into()),
    ]);
    members
}

fn document(name: &str, members: &Members, as_json: bool) -> String {
    if as_json {
        return object(members.clone()).to_string();
    }
    format!("{DECLARATION}<{name} xmlns=\"{NAMESPACE}\">{}</{name}>", elements(members))
}

fn object(members: Members) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn elements(members: &Members) -> String {
    members.iter().map(|(name, value)| xml::element(name, value)).collect()
}
