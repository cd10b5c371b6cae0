//! Jobs that query: their result is read in pages, each naming the next in a header.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, Method, StatusCode};
use serde_json::Value;

use super::{Common, list, table, wanted_state, wrong_state};
use crate::answer::Answer;
use crate::csv;
use crate::rest::Admitted;
use crate::rest::soql::Query;
use crate::state::objects::key_prefix;
use crate::stop::Stop;

pub(super) struct QueryJob {
    common: Common,
    columns: Vec<String>,
    rows: Vec<Value>,
}

pub(super) fn answer(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    match (below, request.method().as_str()) {
        ([], "POST") => create(request, version),
        ([], "GET") => Ok(list(request.with_org(|org| org.jobs2.queries.values().map(QueryJob::shown).collect()))),
        ([id], "GET") => with_job(request, id, |job| Ok(Answer::json(StatusCode::OK, &job.shown()))),
        ([id], "PATCH") => {
            let wanted = wanted_state(request)?;
            with_job(request, id, |job| {
                if wanted != "Aborted" || job.common.state == "JobComplete" {
                    return Err(wrong_state(request));
                }
                job.common.state = "Aborted";
                Ok(Answer::json(StatusCode::OK, &job.shown()))
            })
        }
        ([id], "DELETE") => {
            let removed = request.with_org(|org| org.jobs2.queries.remove(*id));
            removed.map(|_| Answer::empty(StatusCode::NO_CONTENT)).ok_or_else(|| request.not_found())
        }
        ([id, "results"], "GET") => with_job(request, id, |job| results(request, job)),
        _ => {
            request.only(&[Method::GET, Method::POST, Method::PATCH, Method::DELETE])?;
            Err(request.not_found())
        }
    }
}

fn with_job<T>(
    request: &Admitted<'_>,
    id: &str,
    work: impl FnOnce(&mut QueryJob) -> Result<T, Stop>,
) -> Result<T, Stop> {
    request.with_org(|org| work(org.jobs2.queries.get_mut(id).ok_or_else(|| request.not_found())?))
}

fn create(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    let asked = Value::Object(request.json()?);
    if !matches!(asked["operation"].as_str(), Some("query" | "queryAll")) {
        return Err(request.bad_request("INVALIDJOB", "InvalidJob : Unknown operation"));
    }
    let query = Query::parse(asked["query"].as_str().unwrap_or_default());
    let query = query.map_err(|problem| request.bad_request("MALFORMED_QUERY", &problem))?;
    if key_prefix(&query.object).is_none() || query.fields.is_empty() {
        return Err(request.bad_request("API_ERROR", "the query is not supported in a job"));
    }
    let common = Common::asked(request, version, &asked, &query.object)?;
    let mut world = request.call.shared.world();
    let rows = world.rows(request.org_id, &query, version);
    let mut job = QueryJob { common, columns: query.fields, rows };
    job.common.state = "UploadComplete";
    let shown = job.shown();
    job.common.state = "JobComplete";
    job.common.processed = job.rows.len();
    world.org_mut(request.org_id).jobs2.queries.insert(job.common.id.clone(), job);
    Ok(Answer::json(StatusCode::OK, &shown))
}

/// One page: up to `maxRecords` rows from where `locator` says.
fn results(request: &Admitted<'_>, job: &QueryJob) -> Result<Answer, Stop> {
    if job.common.state != "JobComplete" {
        return Err(wrong_state(request));
    }
    let start = match request.parameter("locator").filter(|locator| !locator.is_empty()) {
        None => 0,
        Some(locator) => {
            let decoded = URL_SAFE_NO_PAD.decode(locator.as_bytes()).ok();
            let start = decoded.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<usize>().ok());
            let start = start.filter(|start| *start < job.rows.len());
            start.ok_or_else(|| request.bad_request("INVALID_QUERY_LOCATOR", "invalid query locator"))?
        }
    };
    let most = request.number("maxRecords").filter(|most| *most > 0).unwrap_or(usize::MAX);
    let end = start.saturating_add(most).min(job.rows.len());
    let next = if end < job.rows.len() { URL_SAFE_NO_PAD.encode(end.to_string()) } else { "null".to_owned() };
    let rows = &job.rows[start..end];
    Ok(table(csv::table(&job.columns, rows, job.common.delimiter.sign))
        .with(HeaderName::from_static("sforce-locator"), &next)
        .with(HeaderName::from_static("sforce-numberofrecords"), &rows.len().to_string()))
}

impl QueryJob {
    fn shown(&self) -> Value {
        self.common.shown("V2Query")
    }
}
