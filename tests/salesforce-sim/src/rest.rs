//! The REST API of an org: admission, versions and routing to resources.

mod admitted;
mod analytics;
mod apex;
mod browsing;
mod chatter;
mod composite;
mod deployments;
mod files;
mod graphql;
pub(crate) mod jobs;
mod limits;
mod query;
mod search;
mod sobjects;
pub(crate) mod soql;
mod tooling;

use std::borrow::Cow;

use http::{HeaderName, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::answer::Answer;
use crate::call::{Call, Presented};
use crate::dead_session::{ApiFamily, rest_error};
use crate::ids;
use crate::state::sessions::{Admission, Identity};
use crate::stop::Stop;
use crate::upload::{BUFFERED, Upload};

pub(crate) use admitted::Admitted;

/// The newest API version served.
pub(crate) const LATEST: &str = "67.0";
const NEWEST: u32 = 67;
/// Versions up to this one are retired (since Summer '25).
const RETIRED: u32 = 30;

pub(crate) async fn answer(call: &Call, org_id: &str, upload: Upload) -> Result<Answer, Stop> {
    if call.path().trim_end_matches('/') == "/services/data" {
        upload.drain().await?;
        return Ok(versions());
    }
    let user = match admit(call, org_id) {
        Ok(user) => user,
        Err(refusal) => {
            upload.drain().await?;
            return Err(refusal);
        }
    };
    let limit_info = call.shared.world().org(org_id).limit_info();
    let answer = match asked(call, org_id, user, upload).await {
        Ok(answer) => answer,
        Err(Stop::Answer(answer)) => *answer,
        Err(Stop::Cut) => return Err(Stop::Cut),
    };
    let answer = answer.with(HeaderName::from_static("sforce-limit-info"), &limit_info);
    Ok(answer.with(HeaderName::from_static("x-sfdc-request-id"), &ids::uuid().replace('-', "")))
}

/// Whose session the request brings, or the refusal. An admitted request counts against the org's quota.
fn admit(call: &Call, org_id: &str) -> Result<Identity, Stop> {
    let dead = || Stop::from(ApiFamily::Rest.dead_session(call.headers()));
    let token = match call.bearer() {
        Presented::Token(token) => token,
        Presented::Nothing => return Err(dead()),
        Presented::Malformed => {
            return Err(rest_error(
                call.headers(),
                StatusCode::UNAUTHORIZED,
                "INVALID_AUTH_HEADER",
                "INVALID_HEADER_TYPE",
            )
            .into());
        }
    };
    let now = call.shared.now();
    let mut world = call.shared.world();
    match world.admit(now, Some(org_id), ApiFamily::Rest, &token) {
        Admission::Live(user) => {
            world.org_mut(org_id).api_requests += 1;
            Ok(user)
        }
        Admission::Dead => Err(dead()),
        Admission::Foreign => {
            call.entry.foreign_token();
            Err(dead())
        }
        Admission::NotForRest => Err(rest_error(
            call.headers(),
            StatusCode::UNAUTHORIZED,
            "INVALID_SESSION_ID",
            "This session is not valid for use with the REST API",
        )
        .into()),
    }
}

async fn asked(call: &Call, org_id: &str, user: Identity, upload: Upload) -> Result<Answer, Stop> {
    let path = call.path().trim_end_matches('/');
    if let Some(apex) = path.strip_prefix("/services/apexrest/") {
        return apex::answer(&Admitted::new(call, org_id, user, Default::default()), apex, upload).await;
    }
    let limit = if path.contains("/jobs/ingest") { jobs::UPLOAD } else { BUFFERED };
    let body = upload.collect_plain(call.body_is_gzipped(), limit).await?;
    route(&Admitted::new(call, org_id, user, body))
}

/// Serves a request whose body is there, or one of those that came within another's.
fn route(request: &Admitted<'_>) -> Result<Answer, Stop> {
    let path = request.path().trim_end_matches('/');
    let below = path.strip_prefix("/services/data/").ok_or_else(|| request.not_found())?;
    let segments: Vec<Cow<'_, str>> = below.split('/').map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let (version, resource) = segments.split_first().ok_or_else(|| request.not_found())?;
    check_version(request, version)?;
    match resource {
        [] => browsing::resources(request, version),
        ["analytics", below @ ..] => analytics::answer(request, version, below),
        [name @ ("chatter" | "connect"), below @ ..] => {
            chatter::answer(request, &format!("/services/data/{version}/{name}"), below)
        }
        ["composite", below @ ..] => composite::answer(request, version, below),
        ["graphql"] => graphql::answer(request, version),
        ["jobs", below @ ..] => jobs::answer(request, version, below),
        ["limits"] => limits::answer(request),
        ["limits", "recordCount"] => browsing::record_count(request),
        ["metadata", "deployRequest", below @ ..] => deployments::answer(request, version, below),
        ["parameterizedSearch"] => search::by_parameters(request, version),
        ["query" | "queryAll", below @ ..] => query::answer(request, version, below),
        ["recent"] => browsing::recent(request, version),
        ["search"] => search::by_sosl(request, version),
        ["sobjects", below @ ..] => sobjects::answer(request, version, below),
        ["tabs"] => browsing::tabs(request, version),
        ["theme"] => browsing::theme(request),
        ["tooling", below @ ..] => tooling::answer(request, version, below),
        _ => Err(request.not_found()),
    }
}

fn check_version(request: &Admitted<'_>, version: &str) -> Result<(), Stop> {
    match version.strip_prefix('v').and_then(number_of) {
        Some(..=RETIRED) => Err(request.error(StatusCode::GONE, "GONE", "The requested API version has been retired")),
        Some(..=NEWEST) => Ok(()),
        _ => Err(request.not_found()),
    }
}

/// The number of an API version as paths have it: `59.0` is 59.
pub(crate) fn number_of(version: &str) -> Option<u32> {
    version.strip_suffix(".0").and_then(|number| number.parse().ok())
}

/// Whether an API version, by its number, is still served.
pub(crate) fn is_served(number: u32) -> bool {
    number > RETIRED && number <= NEWEST
}

/// One path segment, decoded once; `+` is itself.
fn decode(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    // Form decoding would turn a plus into a space.
    let protected = segment.replace('+', "%2B").replace('=', "%3D").replace('&', "%26");
    let decoded = form_urlencoded::parse(protected.as_bytes()).next().map(|(name, _)| name.into_owned());
    Cow::Owned(decoded.unwrap_or_default())
}

fn versions() -> Answer {
    let versions = (RETIRED + 1)..=NEWEST;
    let list: Vec<Value> = versions
        .map(|number| {
            json!({
                "label": format!("API {number}"),
                "url": format!("/services/data/v{number}.0"),
                "version": format!("{number}.0"),
            })
        })
        .collect();
    Answer::json(StatusCode::OK, &Value::from(list))
}
