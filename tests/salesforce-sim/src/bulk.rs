//! Bulk API 1: jobs and batches under `/services/async`. The token travels in `X-SFDC-Session` and nothing
//! else is looked at; batches are processed at once.

mod batch;
mod job;
mod wording;

use http::{Method, StatusCode};

use crate::answer::Answer;
use crate::call::{Call, Presented};
use crate::dead_session::{ApiFamily, bulk_error, is_json};
use crate::rest;
use crate::state::sessions::{Admission, Identity};
use crate::stop::Stop;
use crate::upload::Upload;
use bytes::Bytes;
use job::{Batch, Job};
use wording::{batch_info, batch_list, job_info, result_list};

pub(crate) use batch::process;
pub(crate) use job::Jobs;

/// The largest batch, in bytes.
const BATCH_LIMIT: usize = 10 << 20;

/// An admitted request.
struct Bulk<'a> {
    call: &'a Call,
    org_id: &'a str,
    version: &'a str,
    user: Identity,
}

pub(crate) async fn answer(call: &Call, org_id: &str, upload: Upload) -> Result<Answer, Stop> {
    let user = match admit(call, org_id) {
        Ok(user) => user,
        Err(refusal) => {
            upload.drain().await?;
            return Err(refusal);
        }
    };
    // A client that packs its bodies says so of requests without one too.
    let body = if call.body_is_gzipped() {
        upload.collect_plain(true, BATCH_LIMIT).await?
    } else {
        upload.collect(BATCH_LIMIT).await?
    };
    let below = call.path().strip_prefix("/services/async/").unwrap_or_default();
    let segments: Vec<&str> = below.trim_end_matches('/').split('/').collect();
    let (version, resource) = segments.split_first().expect("split yields one at least");
    let bulk = Bulk { call, org_id, version, user };
    if !rest::number_of(version).is_some_and(rest::is_served) {
        return Err(bulk.error("InvalidVersion", "Api Version not supported"));
    }
    bulk.route(resource, body)
}

fn admit(call: &Call, org_id: &str) -> Result<Identity, Stop> {
    let Presented::Token(token) = call.bulk_session() else {
        return Err(bulk_error(call.headers(), "InvalidSessionId", "Unable to find session id").dead().into());
    };
    let now = call.shared.now();
    let mut world = call.shared.world();
    match world.admit(now, Some(org_id), ApiFamily::Bulk1, &token) {
        Admission::Live(user) => {
            world.org_mut(org_id).api_requests += 1;
            return Ok(user);
        }
        Admission::Foreign => call.entry.foreign_token(),
        Admission::Dead | Admission::NotForRest => {}
    }
    Err(ApiFamily::Bulk1.dead_session(call.headers()).into())
}

impl Bulk<'_> {
    fn route(&self, resource: &[&str], body: Bytes) -> Result<Answer, Stop> {
        let post = *self.call.method() == Method::POST;
        let json = is_json(self.call.headers());
        match *resource {
            ["job"] if post => self.create_job(&body),
            ["job", job] if post => self.change_job(job, &body),
            ["job", job] => self.job(job, |job| self.show(StatusCode::OK, job_info(job, json))),
            ["job", job, "batch"] if post => self.add_batch(job, body),
            ["job", job, "batch"] => self.job(job, |job| self.show(StatusCode::OK, batch_list(job, json))),
            ["job", job, "batch", batch] => {
                self.batch(job, batch, |job, batch| self.show(StatusCode::OK, batch_info(job, batch, json)))
            }
            ["job", job, "batch", batch, "request"] => self.batch(job, batch, |job, batch| {
                Answer::new(StatusCode::OK, job.content_type.media_type(), batch.request.clone())
            }),
            ["job", job, "batch", batch, "result"] => self.batch(job, batch, |job, batch| {
                if job.is_query() {
                    let json = json || job.content_type.is_json();
                    return self.show_as(json, StatusCode::OK, result_list(batch, json));
                }
                Answer::new(StatusCode::OK, job.content_type.media_type(), batch.outcome.clone())
            }),
            ["job", job, "batch", batch, "result", result] => self.batch(job, batch, |job, batch| {
                if batch.result_id.as_deref() == Some(result) {
                    return Answer::new(StatusCode::OK, job.content_type.media_type(), batch.outcome.clone());
                }
                bulk_error(self.call.headers(), "InvalidBatch", "Unable to find result")
            }),
            _ => Err(self.error("InvalidUrl", "Destination URL is not valid")),
        }
    }

    fn create_job(&self, body: &[u8]) -> Result<Answer, Stop> {
        let mut world = self.call.shared.world();
        let id = world.ids.next("750");
        let chunks = self.call.header("sforce-enable-pkchunking");
        let made = Job::asked(body, id, self.call.shared.now(), &self.user, self.version, chunks);
        let job = made.map_err(|problem| self.error("InvalidJob", problem))?;
        let answer = self.show(StatusCode::CREATED, job_info(&job, is_json(self.call.headers())));
        world.org_mut(self.org_id).jobs.insert(job.id.clone(), job);
        Ok(answer)
    }

    fn change_job(&self, id: &str, body: &[u8]) -> Result<Answer, Stop> {
        let state = wording::elements_of(body).and_then(|elements| elements.get("state").cloned());
        let Some(state) = state.filter(|state| state == "Closed" || state == "Aborted") else {
            return Err(self.error("InvalidJobState", "state must be Closed or Aborted"));
        };
        self.job(id, |job| {
            job.state.clone_from(&state);
            self.show(StatusCode::OK, job_info(job, is_json(self.call.headers())))
        })
    }

    fn add_batch(&self, id: &str, body: Bytes) -> Result<Answer, Stop> {
        let now = self.call.shared.now();
        let mut world = self.call.shared.world();
        let job = world.org(self.org_id).jobs.get(id);
        let job = job.ok_or_else(|| self.error("InvalidJob", "Unable to find job"))?;
        if job.state != "Open" {
            return Err(self.error("InvalidJobState", "Job is not open"));
        }
        let asked = job.work();
        let batches = batch::processed(&mut world, &self.user, &asked, body, now);
        let batches = batches.map_err(|problem| self.error("InvalidBatch", &problem))?;
        let job = world.org_mut(self.org_id).jobs.get_mut(id).expect("it was there above");
        let answer = batches
            .first()
            .map(|first| self.show(StatusCode::CREATED, batch_info(job, first, is_json(self.call.headers()))));
        job.batches.extend(batches);
        answer.ok_or_else(|| self.error("InvalidBatch", "Records not found"))
    }

    fn job(&self, id: &str, answer: impl FnOnce(&mut Job) -> Answer) -> Result<Answer, Stop> {
        let mut world = self.call.shared.world();
        match world.org_mut(self.org_id).jobs.get_mut(id) {
            Some(job) => Ok(answer(job)),
            None => Err(self.error("InvalidJob", "Unable to find job")),
        }
    }

    fn batch(&self, job: &str, batch: &str, answer: impl FnOnce(&Job, &Batch) -> Answer) -> Result<Answer, Stop> {
        let missing = bulk_error(self.call.headers(), "InvalidBatch", "Unable to find batch");
        self.job(job, |job| match job.batches.iter().find(|known| known.id == batch) {
            Some(found) => answer(job, found),
            None => missing,
        })
    }

    fn show(&self, status: StatusCode, body: String) -> Answer {
        self.show_as(is_json(self.call.headers()), status, body)
    }

    /// Clients compare these media types with their own, letter by letter.
    fn show_as(&self, json: bool, status: StatusCode, body: String) -> Answer {
        Answer::new(status, if json { "application/json" } else { "application/xml" }, body)
    }

    fn error(&self, code: &str, message: &str) -> Stop {
        bulk_error(self.call.headers(), code, message).into()
    }
}
