//! The REST API of an org: admission, versions and routing to resources.

pub(crate) mod apex;
pub(crate) mod files;
pub(crate) mod limits;
pub(crate) mod query;
pub(crate) mod sobjects;
pub(crate) mod soql;

use std::borrow::Cow;

use http::{HeaderName, Method, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::answer::Answer;
use crate::call::{Call, Presented};
use crate::dead_session::{ApiFamily, rest_error};
use crate::state::orgs::OrgRecord;
use crate::state::sessions::{Admission, Identity};
use crate::stop::Stop;
use crate::upload::Upload;

/// The newest API version served.
pub(crate) const LATEST: &str = "67.0";
const NEWEST: u32 = 67;
/// Versions up to this one are retired (since Summer '25).
const RETIRED: u32 = 30;

/// A request that has been admitted to an org's REST API.
pub(crate) struct Admitted<'a> {
    pub(crate) call: &'a Call,
    pub(crate) org_id: &'a str,
    pub(crate) user: Identity,
}

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
    let admitted = Admitted { call, org_id, user };
    let answer = match route(&admitted, upload).await {
        Ok(answer) => answer,
        Err(Stop::Answer(answer)) => *answer,
        Err(Stop::Cut) => return Err(Stop::Cut),
    };
    Ok(answer.with(HeaderName::from_static("sforce-limit-info"), &limit_info))
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

async fn route(request: &Admitted<'_>, upload: Upload) -> Result<Answer, Stop> {
    let path = request.call.path().trim_end_matches('/');
    if let Some(apex) = path.strip_prefix("/services/apexrest/") {
        return apex::answer(request, apex, upload).await;
    }
    let below = path.strip_prefix("/services/data/").unwrap_or_default();
    let segments: Vec<Cow<'_, str>> = below.split('/').map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let Some((version, resource)) = segments.split_first() else {
        upload.drain().await?;
        return Err(request.not_found());
    };
    if let Err(refusal) = request.check_version(version) {
        upload.drain().await?;
        return Err(refusal);
    }
    match resource {
        ["sobjects", rest @ ..] => sobjects::answer(request, version, rest, upload).await,
        other => {
            upload.drain().await?;
            request.only(&[Method::GET])?;
            match other {
                [] => Ok(resources(version)),
                ["limits"] => Ok(limits::answer(request)),
                ["query" | "queryAll"] => query::first_page(request, version),
                ["query" | "queryAll", locator] => query::next_page(request, version, locator),
                _ => Err(request.not_found()),
            }
        }
    }
}

impl Admitted<'_> {
    /// A refusal in the form of the REST API.
    pub(crate) fn error(&self, status: StatusCode, code: &str, message: &str) -> Stop {
        rest_error(self.call.headers(), status, code, message).into()
    }

    pub(crate) fn bad_request(&self, code: &str, message: &str) -> Stop {
        self.error(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found(&self) -> Stop {
        self.error(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    }

    /// Refuses other methods; HEAD counts as GET.
    pub(crate) fn only(&self, allowed: &[Method]) -> Result<(), Stop> {
        let method = self.method();
        if allowed.contains(method) {
            return Ok(());
        }
        let allowed: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        Err(self.error(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            &format!("HTTP Method '{method}' not allowed. Allowed are {}", allowed.join(",")),
        ))
    }

    pub(crate) fn method(&self) -> &Method {
        match *self.call.method() {
            Method::HEAD => &Method::GET,
            _ => self.call.method(),
        }
    }

    /// Reads or changes the org's state.
    pub(crate) fn with_org<T>(&self, work: impl FnOnce(&mut OrgRecord) -> T) -> T {
        work(self.call.shared.world().org_mut(self.org_id))
    }

    /// The body as a JSON object.
    pub(crate) async fn json(&self, upload: Upload) -> Result<serde_json::Map<String, Value>, Stop> {
        let body = upload.collect_plain(self.call.body_is_gzipped()).await?;
        serde_json::from_slice(&body).map_err(|error| self.bad_request("JSON_PARSER_ERROR", &error.to_string()))
    }

    fn check_version(&self, version: &str) -> Result<(), Stop> {
        let number = version
            .strip_prefix('v')
            .and_then(|version| version.strip_suffix(".0"))
            .and_then(|version| version.parse::<u32>().ok());
        match number {
            Some(..=RETIRED) => Err(self.error(StatusCode::GONE, "GONE", "The requested API version has been retired")),
            Some(..=NEWEST) => Ok(()),
            _ => Err(self.not_found()),
        }
    }
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

fn resources(version: &str) -> Answer {
    let at = |name: &str| format!("/services/data/{version}/{name}");
    let list = json!({
        "limits": at("limits"),
        "query": at("query"),
        "queryAll": at("queryAll"),
        "sobjects": at("sobjects"),
    });
    Answer::json(StatusCode::OK, &list)
}
