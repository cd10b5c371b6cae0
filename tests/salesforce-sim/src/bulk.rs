//! Bulk API 1: jobs and batches under `/services/async`. The token travels in `X-SFDC-Session` and nothing
//! else is looked at; batches are processed at once.

mod batch;
mod wording;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, StatusCode};

use crate::answer::Answer;
use crate::call::{Call, Presented};
use crate::dead_session::{ApiFamily, bulk_error};
use crate::state::orgs::OrgRecord;
use crate::state::sessions::Admission;
use crate::stop::Stop;
use crate::upload::Upload;
use wording::{batch_info, batch_list, element, job_info};

/// The largest batch, in bytes.
const BATCH_LIMIT: usize = 10 << 20;

/// An org's jobs by id.
pub(crate) type Jobs = BTreeMap<String, Job>;

pub(crate) struct Job {
    id: String,
    operation: String,
    object: String,
    content_type: String,
    state: String,
    batches: Vec<Batch>,
}

struct Batch {
    id: String,
    request: Bytes,
    /// What `/result` answers, in the job's own format.
    result: String,
    processed: usize,
    failed: usize,
}

/// An admitted request.
struct Bulk<'a> {
    call: &'a Call,
    org_id: &'a str,
}

pub(crate) async fn answer(call: &Call, org_id: &str, upload: Upload) -> Result<Answer, Stop> {
    if let Err(refusal) = admit(call, org_id) {
        upload.drain().await?;
        return Err(refusal);
    }
    let body = if call.body_is_gzipped() {
        upload.collect_plain(true, BATCH_LIMIT).await?
    } else {
        upload.collect(BATCH_LIMIT).await?
    };
    let bulk = Bulk { call, org_id };
    let below = call.path().strip_prefix("/services/async/");
    let segments: Vec<&str> = below.unwrap_or_default().split('/').collect();
    let (_version, resource) = segments.split_first().expect("split yields one at least");
    let post = *call.method() == Method::POST;
    match *resource {
        ["job"] if post => bulk.create_job(&body),
        ["job", job] if post => bulk.change_job(job, &body),
        ["job", job] => bulk.job(job, |job| bulk.show(StatusCode::OK, &job_info(job, bulk.json()))),
        ["job", job, "batch"] if post => bulk.add_batch(job, body),
        ["job", job, "batch"] => bulk.job(job, |job| bulk.show(StatusCode::OK, &batch_list(job, bulk.json()))),
        ["job", job, "batch", batch] => {
            bulk.batch(job, batch, |job, batch| bulk.show(StatusCode::OK, &batch_info(job, batch, bulk.json())))
        }
        ["job", job, "batch", batch, "request"] => {
            bulk.batch(job, batch, |job, batch| Answer::new(StatusCode::OK, job.media_type(), batch.request.clone()))
        }
        ["job", job, "batch", batch, "result"] => {
            bulk.batch(job, batch, |job, batch| Answer::new(StatusCode::OK, job.media_type(), batch.result.clone()))
        }
        _ => Err(bulk.error("InvalidUrl", "Destination URL is not valid")),
    }
}

fn admit(call: &Call, org_id: &str) -> Result<(), Stop> {
    let Presented::Token(token) = call.bulk_session() else {
        return Err(bulk_error(call.headers(), "InvalidSessionId", "Unable to find session id").dead().into());
    };
    let now = call.shared.now();
    let mut world = call.shared.world();
    match world.admit(now, Some(org_id), ApiFamily::Bulk1, &token) {
        Admission::Live(_) => {
            world.org_mut(org_id).api_requests += 1;
            return Ok(());
        }
        Admission::Foreign => call.entry.foreign_token(),
        Admission::Dead | Admission::NotForRest => {}
    }
    Err(ApiFamily::Bulk1.dead_session(call.headers()).into())
}

impl Bulk<'_> {
    fn create_job(&self, body: &[u8]) -> Result<Answer, Stop> {
        let text = |name: &str| element(body, name);
        let (Some(operation), Some(object)) = (text("operation"), text("object")) else {
            return Err(self.error("InvalidJob", "operation and object are required"));
        };
        let known = ["insert", "update", "upsert", "delete", "hardDelete", "query"];
        if !known.contains(&operation.as_str()) {
            return Err(self.error("InvalidJob", "Unknown operation"));
        }
        let mut world = self.call.shared.world();
        let job = Job {
            id: world.ids.next("750"),
            operation,
            object,
            content_type: text("contentType").unwrap_or_else(|| "XML".to_owned()),
            state: "Open".to_owned(),
            batches: Vec::new(),
        };
        let answer = self.show(StatusCode::CREATED, &job_info(&job, self.json()));
        world.org_mut(self.org_id).jobs.insert(job.id.clone(), job);
        Ok(answer)
    }

    fn change_job(&self, id: &str, body: &[u8]) -> Result<Answer, Stop> {
        let state = element(body, "state");
        let Some(state) = state.filter(|state| state == "Closed" || state == "Aborted") else {
            return Err(self.error("InvalidJobState", "state must be Closed or Aborted"));
        };
        self.job(id, |job| {
            job.state.clone_from(&state);
            self.show(StatusCode::OK, &job_info(job, self.json()))
        })
    }

    fn add_batch(&self, id: &str, body: Bytes) -> Result<Answer, Stop> {
        let mut world = self.call.shared.world();
        let batch_id = world.ids.next("751");
        let org = world.org(self.org_id);
        let job = org.jobs.get(id);
        let job = job.ok_or_else(|| self.error("InvalidJob", "Unable to find job"))?;
        if job.state != "Open" {
            return Err(self.error("InvalidJobState", "Job is not open"));
        }
        let rows =
            batch::rows(&job.content_type, &body).ok_or_else(|| self.error("InvalidBatch", "Failed to parse batch"))?;
        let (operation, object) = (job.operation.clone(), job.object.clone());
        let outcome: Vec<Result<String, &str>> =
            rows.into_iter().map(|row| batch::process(&mut world, self.org_id, (&operation, &object), row)).collect();
        let org: &mut OrgRecord = world.org_mut(self.org_id);
        let job = org.jobs.get_mut(id).expect("it was there above");
        let batch = Batch {
            id: batch_id,
            request: body,
            result: wording::results(&job.content_type, &outcome),
            processed: outcome.len(),
            failed: outcome.iter().filter(|row| row.is_err()).count(),
        };
        let answer = self.show(StatusCode::CREATED, &batch_info(job, &batch, self.json()));
        job.batches.push(batch);
        Ok(answer)
    }

    fn job(&self, id: &str, answer: impl FnOnce(&mut Job) -> Answer) -> Result<Answer, Stop> {
        let mut world = self.call.shared.world();
        match world.org_mut(self.org_id).jobs.get_mut(id) {
            Some(job) => Ok(answer(job)),
            None => Err(self.error("InvalidJob", "Unable to find job")),
        }
    }

    fn batch(&self, job: &str, batch: &str, answer: impl FnOnce(&Job, &Batch) -> Answer) -> Result<Answer, Stop> {
        let mut missing = false;
        let found = self.job(job, |job| {
            if let Some(found) = job.batches.iter().find(|known| known.id == batch) {
                answer(job, found)
            } else {
                missing = true;
                Answer::empty(StatusCode::BAD_REQUEST)
            }
        })?;
        if missing {
            return Err(self.error("InvalidBatch", "Unable to find batch"));
        }
        Ok(found)
    }

    fn json(&self) -> bool {
        crate::dead_session::is_json(self.call.headers())
    }

    fn show(&self, status: StatusCode, body: &str) -> Answer {
        let media_type = if self.json() { crate::answer::JSON } else { crate::answer::XML };
        Answer::new(status, media_type, body.to_owned())
    }

    fn error(&self, code: &str, message: &str) -> Stop {
        bulk_error(self.call.headers(), code, message).into()
    }
}

impl Job {
    fn media_type(&self) -> &'static str {
        match self.content_type.as_str() {
            "CSV" => "text/csv;charset=UTF-8",
            "JSON" => crate::answer::JSON,
            _ => crate::answer::XML,
        }
    }
}
