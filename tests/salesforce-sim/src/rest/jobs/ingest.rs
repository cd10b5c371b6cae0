//! Jobs that create, change and delete records.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;

use super::{Common, list, table, wanted_state, wrong_state};
use crate::answer::Answer;
use crate::bulk::process;
use crate::rest::Admitted;
use crate::state::objects::{Fields, key_prefix};
use crate::state::records::{RowError, Upserted};
use crate::stop::Stop;
use crate::{csv, multipart};

pub(super) struct Ingest {
    common: Common,
    external_id: Option<String>,
    upload: Option<Bytes>,
    problem: Option<&'static str>,
    outcomes: Vec<(Fields, Result<Upserted, RowError>)>,
}

const OPERATIONS: [&str; 5] = ["insert", "update", "upsert", "delete", "hardDelete"];

pub(super) fn answer(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    match (below, request.method().as_str()) {
        ([], "POST") => create(request, version),
        ([], "GET") => {
            Ok(list(request.with_org(|org| org.jobs2.ingests.values().map(|job| job.shown(version)).collect())))
        }
        ([id], "GET") => with_job(request, id, |job| Ok(Answer::json(StatusCode::OK, &job.shown(version)))),
        ([id], "PATCH") => change_state(request, version, id),
        ([id], "DELETE") => {
            let removed = request.with_org(|org| match org.jobs2.ingests.get(*id) {
                Some(job) if matches!(job.common.state, "Open" | "UploadComplete") => Err(wrong_state(request)),
                Some(_) => Ok(org.jobs2.ingests.remove(*id)),
                None => Err(request.not_found()),
            });
            removed.map(|_| Answer::empty(StatusCode::NO_CONTENT))
        }
        ([id, "batches"], "PUT") => upload(request, id),
        ([id, "successfulResults" | "successfulresults"], "GET") => with_job(request, id, |job| Ok(table(job.done()))),
        ([id, "failedResults" | "failedresults"], "GET") => with_job(request, id, |job| Ok(table(job.failed()))),
        ([id, "unprocessedrecords" | "unprocessedRecords"], "GET") => {
            with_job(request, id, |job| Ok(table(job.unprocessed())))
        }
        _ => {
            request.only(&[Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE])?;
            Err(request.not_found())
        }
    }
}

fn with_job<T>(request: &Admitted<'_>, id: &str, work: impl FnOnce(&mut Ingest) -> Result<T, Stop>) -> Result<T, Stop> {
    request.with_org(|org| work(org.jobs2.ingests.get_mut(id).ok_or_else(|| request.not_found())?))
}

/// A job alone, or with its rows in one request of several parts.
fn create(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    let media_type = request.call.header("content-type").unwrap_or_default();
    let (asked, rows) = if multipart::is_one(media_type) {
        let parts = multipart::parts(media_type, &request.body).unwrap_or_default();
        let asked = multipart::named(&parts, "job").and_then(|job| serde_json::from_slice(job).ok());
        let asked: Value = asked.ok_or_else(|| request.bad_request("INVALIDJOB", "no job among the parts"))?;
        (asked, multipart::named(&parts, "content").cloned())
    } else {
        (Value::Object(request.json()?), None)
    };
    let text = |name: &str| asked[name].as_str();
    let refused = |problem: &str| request.bad_request("INVALIDJOB", problem);
    let object = text("object").filter(|object| key_prefix(object).is_some());
    let object = object.ok_or_else(|| refused("InvalidJob : Unable to find object"))?;
    if !text("operation").is_some_and(|operation| OPERATIONS.contains(&operation)) {
        return Err(refused("InvalidJob : Unknown operation"));
    }
    if text("contentType").is_some_and(|content_type| content_type != "CSV") {
        return Err(refused("InvalidJob : Unsupported content type"));
    }
    let external_id = text("externalIdFieldName").map(str::to_owned);
    if text("operation") == Some("upsert") && external_id.is_none() {
        return Err(refused("InvalidJob : External ID was blank for upsert"));
    }
    let common = Common::asked(request, version, &asked, object)?;
    let id = common.id.clone();
    let complete = rows.is_some();
    let job = Ingest { common, external_id, upload: rows, problem: None, outcomes: Vec::new() };
    let shown = job.shown(version);
    request.with_org(|org| org.jobs2.ingests.insert(id.clone(), job));
    if complete {
        process_rows(request, &id)?;
    }
    Ok(Answer::json(StatusCode::OK, &shown))
}

fn upload(request: &Admitted<'_>, id: &str) -> Result<Answer, Stop> {
    let media_type = request.call.header("content-type").unwrap_or_default();
    if !media_type.starts_with("text/csv") {
        let message = "Content-Type must be text/csv";
        return Err(request.error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message));
    }
    with_job(request, id, |job| {
        if job.common.state != "Open" || job.upload.is_some() {
            return Err(wrong_state(request));
        }
        job.upload = Some(request.body.clone());
        Ok(Answer::empty(StatusCode::CREATED))
    })
}

fn change_state(request: &Admitted<'_>, version: &str, id: &str) -> Result<Answer, Stop> {
    let wanted = wanted_state(request)?;
    let shown = with_job(request, id, |job| {
        job.common.state = match (wanted.as_str(), job.common.state) {
            ("UploadComplete", "Open") => "UploadComplete",
            ("Aborted", "Open" | "UploadComplete") => "Aborted",
            _ => return Err(wrong_state(request)),
        };
        Ok(job.shown(version))
    })?;
    if wanted == "UploadComplete" {
        process_rows(request, id)?;
    }
    Ok(Answer::json(StatusCode::OK, &shown))
}

/// Does the rows that were uploaded.
fn process_rows(request: &Admitted<'_>, id: &str) -> Result<(), Stop> {
    let mut world = request.call.shared.world();
    let job = world.org(request.org_id).jobs2.ingests.get(id).ok_or_else(|| request.not_found())?;
    let (common, external_id) = (job.common.clone(), job.external_id.clone());
    let upload = job.upload.clone().unwrap_or_default();
    let rows = std::str::from_utf8(&upload).ok().and_then(|text| csv::rows(text, common.delimiter.sign));
    let problem = rows.is_none().then_some("InvalidBatch : Failed to parse CSV");
    let work = (common.operation.as_str(), common.object.as_str(), external_id.as_deref());
    let outcomes: Vec<_> = rows
        .unwrap_or_default()
        .into_iter()
        .map(|row| (row.clone(), process(&mut world, &request.user, work, row)))
        .collect();
    let jobs = &mut world.org_mut(request.org_id).jobs2;
    let job = jobs.ingests.get_mut(id).expect("it was there above");
    job.common.state = if problem.is_some() { "Failed" } else { "JobComplete" };
    job.common.processed = outcomes.len();
    job.problem = problem;
    job.outcomes = outcomes;
    Ok(())
}

impl Ingest {
    fn shown(&self, version: &str) -> Value {
        let mut shown = self.common.shown("V2Ingest");
        shown["contentUrl"] = format!("services/data/{version}/jobs/ingest/{}/batches", self.common.id).into();
        shown["numberRecordsFailed"] = self.outcomes.iter().filter(|(_, outcome)| outcome.is_err()).count().into();
        shown["apiActiveProcessingTime"] = 0.into();
        shown["apexProcessingTime"] = 0.into();
        if let Some(field) = &self.external_id {
            shown["externalIdFieldName"] = field.as_str().into();
        }
        if let Some(problem) = self.problem {
            shown["errorMessage"] = problem.into();
        }
        shown
    }

    fn done(&self) -> String {
        self.results("sf__Created", |outcome| {
            outcome.as_ref().ok().map(|done| (done.id.clone(), done.created.to_string()))
        })
    }

    fn failed(&self) -> String {
        self.results("sf__Error", |outcome| {
            let error = outcome.as_ref().err()?;
            Some((String::new(), format!("{}:{}:{} --", error.code, error.message, error.fields.join(" "))))
        })
    }

    /// The rows that `of` has a record's id and something more to say about.
    fn results(&self, title: &str, of: impl Fn(&Result<Upserted, RowError>) -> Option<(String, String)>) -> String {
        let sign = self.common.delimiter.sign;
        let columns =
            csv::columns(std::str::from_utf8(self.upload.as_deref().unwrap_or_default()).unwrap_or_default(), sign);
        let heads = ["sf__Id", title].into_iter().chain(columns.iter().map(String::as_str));
        let mut table = csv::line(heads, sign);
        for (row, outcome) in &self.outcomes {
            if let Some((id, more)) = of(outcome) {
                let cells = columns.iter().map(|column| row.get(column).map(crate::state::objects::text));
                let cells = cells.map(Option::unwrap_or_default);
                table.push_str(&csv::line([id, more].into_iter().chain(cells), sign));
            }
        }
        table
    }

    fn unprocessed(&self) -> String {
        let upload = self.upload.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        if matches!(self.common.state, "Aborted" | "Failed") {
            return upload.into_owned();
        }
        csv::line(csv::columns(&upload, self.common.delimiter.sign), self.common.delimiter.sign)
    }
}
