//! How Bulk 1 writes jobs, batches and results in XML, JSON and CSV.

use serde_json::{Value, json};

use super::{Batch, Job};

const NAMESPACE: &str = "http://www.force.com/2009/06/asyncapi/dataload";

/// The text of a member of a small JSON object or XML document, whichever the body is.
pub(super) fn element(body: &[u8], name: &str) -> Option<String> {
    if let Ok(json) = serde_json::from_slice::<Value>(body) {
        return json.get(name)?.as_str().map(str::to_owned);
    }
    let xml = std::str::from_utf8(body).ok()?;
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim().to_owned())
}

pub(super) fn job_info(job: &Job, as_json: bool) -> String {
    document("jobInfo", &job_members(job), as_json)
}

pub(super) fn batch_info(job: &Job, batch: &Batch, as_json: bool) -> String {
    document("batchInfo", &batch_members(job, batch), as_json)
}

pub(super) fn batch_list(job: &Job, as_json: bool) -> String {
    let all = job.batches.iter().map(|batch| batch_members(job, batch));
    if as_json {
        let list: Vec<Value> = all.map(|members| object(&members)).collect();
        return json!({"batchInfo": list}).to_string();
    }
    let list: String = all.map(|members| format!("<batchInfo>{}</batchInfo>", elements(&members))).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><batchInfoList xmlns=\"{NAMESPACE}\">{list}</batchInfoList>")
}

/// The result of a batch, row by row: an id, or why the row failed.
pub(super) fn results(content_type: &str, rows: &[Result<String, &str>]) -> String {
    match content_type {
        "CSV" => {
            let mut csv = "\"Id\",\"Success\",\"Created\",\"Error\"\n".to_owned();
            for row in rows {
                csv.push_str(&match row {
                    Ok(id) => format!("\"{id}\",\"true\",\"true\",\"\"\n"),
                    Err(error) => format!("\"\",\"false\",\"false\",\"{error}\"\n"),
                });
            }
            csv
        }
        "JSON" => {
            let row = |row: &Result<String, &str>| match row {
                Ok(id) => json!({"id": id, "success": true, "created": true, "errors": []}),
                Err(error) => {
                    json!({"id": null, "success": false, "created": false, "errors": [{"message": error}]})
                }
            };
            Value::from_iter(rows.iter().map(row)).to_string()
        }
        _ => {
            let row = |row: &Result<String, &str>| match row {
                Ok(id) => format!("<result><id>{id}</id><success>true</success><created>true</created></result>"),
                Err(error) => format!(
                    "<result><errors><message>{error}</message></errors><success>false</success><created>false</created></result>"
                ),
            };
            let list: String = rows.iter().map(row).collect();
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><results xmlns=\"{NAMESPACE}\">{list}</results>")
        }
    }
}

type Members = Vec<(&'static str, String)>;

fn job_members(job: &Job) -> Members {
    let total = job.batches.len().to_string();
    vec![
        ("id", job.id.clone()),
        ("operation", job.operation.clone()),
        ("object", job.object.clone()),
        ("state", job.state.clone()),
        ("concurrencyMode", "Parallel".to_owned()),
        ("contentType", job.content_type.clone()),
        ("numberBatchesQueued", "0".to_owned()),
        ("numberBatchesInProgress", "0".to_owned()),
        ("numberBatchesCompleted", total.clone()),
        ("numberBatchesFailed", "0".to_owned()),
        ("numberBatchesTotal", total),
    ]
}

fn batch_members(job: &Job, batch: &Batch) -> Members {
    vec![
        ("id", batch.id.clone()),
        ("jobId", job.id.clone()),
        ("state", "Completed".to_owned()),
        ("numberRecordsProcessed", batch.processed.to_string()),
        ("numberRecordsFailed", batch.failed.to_string()),
    ]
}

fn document(name: &str, members: &Members, as_json: bool) -> String {
    if as_json {
        return object(members).to_string();
    }
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><{name} xmlns=\"{NAMESPACE}\">{}</{name}>", elements(members))
}

fn object(members: &Members) -> Value {
    let member = |(name, text): &(&'static str, String)| {
        let number = text.parse::<u64>().ok().filter(|_| name.starts_with("number"));
        let value = number.map_or_else(|| Value::from(text.clone()), Value::from);
        ((*name).to_owned(), value)
    };
    Value::Object(members.iter().map(member).collect())
}

fn elements(members: &Members) -> String {
    members.iter().map(|(name, text)| format!("<{name}>{}</{name}>", escape(text))).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
