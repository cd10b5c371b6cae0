//! The control API: what [`crate::Simulator`] does, over HTTP, for tests in other processes. JSON in and
//! out, on the login host only, below [`PREFIX`]. It is never recorded and no fault strikes it.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::body::Body;
use crate::call::parameter;
use crate::clock::seconds;
use crate::dead_session::ApiFamily;
use crate::faults::{Effect, Fault};
use crate::record::RecordedRequest;
use crate::state::apps::AppOptions;
use crate::state::objects::{Fields, key_prefix};
use crate::state::orgs::{OldInstance, OrgOptions, Restriction};
use crate::state::{Counted, Shared, World};

/// Where the control API begins.
pub(crate) const PREFIX: &str = "/__sim/";
const BODY_LIMIT: usize = 16 << 20;

/// What was asked for in vain, or how the request is wrong.
type Refusal = (StatusCode, String);

pub(crate) async fn serve(shared: &Arc<Shared>, parts: &Parts, incoming: Incoming) -> Response<Body> {
    let answer = match Limited::new(incoming, BODY_LIMIT).collect().await {
        Err(error) => Err((StatusCode::BAD_REQUEST, error.to_string())),
        Ok(body) => {
            let body = body.to_bytes();
            let name = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
            let query = parts.uri.query().unwrap_or_default();
            match parts.method {
                Method::GET => read(shared, name, query),
                Method::DELETE => clear(shared, name),
                Method::POST => create(shared, name, &body)
                    .or_else(|| change(shared, name, &body))
                    .unwrap_or_else(|| Err(unknown(name))),
                _ => Err((StatusCode::METHOD_NOT_ALLOWED, "GET, POST or DELETE".to_owned())),
            }
        }
    };
    let answer = match answer {
        Ok(body) => Answer::json(StatusCode::OK, &body),
        Err((status, message)) => Answer::json(status, &json!({ "error": message })),
    };
    answer.into_response(&parts.headers)
}

fn read(shared: &Shared, name: &str, query: &str) -> Result<Value, Refusal> {
    let number = |name| parameter(query.as_bytes(), name).and_then(|text| text.parse().ok());
    match name {
        "counters" => {
            let count = |what| shared.counters.get(what);
            Ok(json!({
                "exchanges": count(Counted::Exchange),
                "successful_exchanges": count(Counted::Successful),
                "spent_tokens_presented": count(Counted::SpentToken),
                "simultaneous_uses": count(Counted::Simultaneous),
                "requests": shared.record.total(),
            }))
        }
        "requests" => {
            let since = number("since").unwrap_or_default();
            let list = shared.record.since(since);
            Ok(list.iter().map(shown).collect())
        }
        "secrets" => Ok(json!(shared.world().secrets)),
        _ => Err(unknown(name)),
    }
}

fn clear(shared: &Shared, name: &str) -> Result<Value, Refusal> {
    match name {
        "requests" => shared.record.clear(),
        "faults" => shared.faults.clear(),
        _ => return Err(unknown(name)),
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
struct NewUser {
    org_id: String,
    username: String,
}

#[derive(Deserialize)]
struct Approval {
    client_id: String,
    user_id: String,
}

#[derive(Deserialize)]
struct NewRecords {
    org_id: String,
    object: String,
    records: Vec<Fields>,
}

#[derive(Deserialize)]
struct NewFault {
    /// A path prefix; without it the token endpoint.
    path: Option<String>,
    org_id: Option<String>,
    times: Option<u64>,
    effect: Effect,
}

/// The calls that make something; `None` for another name.
fn create(shared: &Shared, name: &str, body: &[u8]) -> Option<Result<Value, Refusal>> {
    Some(match name {
        "apps" => parsed(body).map(|options: AppOptions| json!(shared.world().create_app(options))),
        "orgs" => parsed(body).map(|options: OrgOptions| {
            let org_id = shared.create_org(options);
            org_shown(&shared.world(), &org_id)
        }),
        "users" => parsed(body).and_then(|new: NewUser| {
            let mut world = shared.world();
            known_org(&world, &new.org_id)?;
            Ok(json!(world.create_user(&new.org_id, &new.username)))
        }),
        "authorize" => parsed(body).and_then(|approval: Approval| {
            {
                let world = shared.world();
                let app = world.apps.contains_key(&approval.client_id);
                let user = world.users.contains_key(&approval.user_id);
                if !(app && user) {
                    return Err(missing("app or user"));
                }
            }
            Ok(json!(shared.authorize(&approval.client_id, &approval.user_id)))
        }),
        "records" => parsed(body).and_then(|new: NewRecords| {
            let mut world = shared.world();
            known_org(&world, &new.org_id)?;
            let prefix = key_prefix(&new.object).ok_or_else(|| missing("object"))?;
            let mut ids = Vec::new();
            for fields in new.records {
                let id = world.ids.next(prefix);
                let objects = &mut world.org_mut(&new.org_id).objects;
                objects.insert(&new.object, &id, fields);
                ids.push(id);
            }
            Ok(json!({ "ids": ids }))
        }),
        "faults" => parsed(body).map(|new: NewFault| {
            let mut fault = match new.path {
                Some(prefix) => Fault::on_path(prefix, new.effect),
                None => Fault::on_token_endpoint(new.effect),
            };
            if let Some(org_id) = new.org_id {
                fault = fault.at_org(org_id);
            }
            let number = shared.faults.add_numbered(fault.times(new.times.unwrap_or(1)));
            json!({ "fault": number })
        }),
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Advance {
    #[serde(deserialize_with = "seconds")]
    seconds: std::time::Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expire {
    OrgId(String),
    AccessToken(String),
}

#[derive(Deserialize)]
struct RefreshToken {
    refresh_token: String,
}

#[derive(Deserialize)]
struct UserId {
    user_id: String,
}

#[derive(Deserialize)]
struct Restrict {
    org_id: String,
    /// All families if absent.
    family: Option<ApiFamily>,
    #[serde(default)]
    lift: bool,
}

#[derive(Deserialize)]
struct HighAssurance {
    org_id: String,
    required: bool,
}

#[derive(Deserialize)]
struct Move {
    org_id: String,
    #[serde(default)]
    old_instance: OldInstance,
}

#[derive(Deserialize)]
struct Number {
    fault: usize,
}

#[derive(Deserialize)]
struct Keep {
    requests: usize,
}

#[derive(Deserialize)]
struct Chunks {
    chunks: usize,
}

/// The calls that change something; `None` for another name.
fn change(shared: &Shared, name: &str, body: &[u8]) -> Option<Result<Value, Refusal>> {
    let changed = match name {
        "advance" => parsed(body).map(|by: Advance| shared.clock.advance(by.seconds)),
        "expire" => parsed(body).map(|what| match what {
            Expire::OrgId(org_id) => shared.world().end_sessions_of_org(&org_id),
            Expire::AccessToken(token) => drop(shared.world().end_session(&token)),
        }),
        "revoke" => parsed(body).and_then(|grant: RefreshToken| {
            let mut world = shared.world();
            let alive = world.revoke_refresh_token(&grant.refresh_token);
            alive.then_some(()).ok_or_else(|| missing("living grant"))
        }),
        "deactivate" => parsed(body).map(|user: UserId| shared.world().deactivate(&user.user_id)),
        "restrict-ip" => parsed(body).and_then(|restrict: Restrict| {
            let mut world = shared.world();
            known_org(&world, &restrict.org_id)?;
            world.org_mut(&restrict.org_id).ip_restriction = match restrict.family {
                _ if restrict.lift => Restriction::None,
                None => Restriction::All,
                Some(family) => Restriction::Only(family),
            };
            Ok(())
        }),
        "high-assurance" => parsed(body).and_then(|policy: HighAssurance| {
            let mut world = shared.world();
            known_org(&world, &policy.org_id)?;
            world.org_mut(&policy.org_id).high_assurance = policy.required;
            Ok(())
        }),
        "move" => return Some(parsed(body).and_then(|moved: Move| move_org(shared, &moved))),
        "faults/release" => with_fault(shared, body, |fault| fault.release()),
        "faults/end" => with_fault(shared, body, |fault| fault.end()),
        "keep" => parsed(body).map(|keep: Keep| shared.record.keep(keep.requests)),
        "trickle" => parsed(body).map(|some: Chunks| shared.trickle.add_permits(some.chunks)),
        _ => return None,
    };
    Some(changed.map(|()| json!({})))
}

fn with_fault(shared: &Shared, body: &[u8], act: impl FnOnce(&crate::ActiveFault)) -> Result<(), Refusal> {
    let number: Number = parsed(body)?;
    let fault = shared.faults.by_number(number.fault);
    act(&fault.ok_or_else(|| missing("fault"))?);
    Ok(())
}

fn move_org(shared: &Shared, moved: &Move) -> Result<Value, Refusal> {
    known_org(&shared.world(), &moved.org_id)?;
    shared.move_org(&moved.org_id, moved.old_instance);
    Ok(org_shown(&shared.world(), &moved.org_id))
}

fn org_shown(world: &World, org_id: &str) -> Value {
    let org = world.org(org_id);
    json!({
        "org_id": org_id,
        "instance_url": org.instance_url,
        "my_domain": org.my_domain(),
    })
}

fn shown(request: &RecordedRequest) -> Value {
    let headers: Vec<(&str, String)> =
        request.headers.iter().map(|(name, value)| (name, String::from_utf8_lossy(value).into_owned())).collect();
    let sha256 = request.body_sha256.iter();
    json!({
        "number": request.number,
        "org_id": request.org,
        "method": request.method.as_str(),
        "path_and_query": request.path_and_query,
        "headers": headers,
        "access_token": request.access_token,
        "body_length": request.body_length,
        "body_sha256": sha256.map(|byte| format!("{byte:02x}")).collect::<String>(),
        "body": request.body.as_ref().map(|body| String::from_utf8_lossy(body)),
        "body_complete": request.body_complete,
        "status": request.status,
        "dead": request.dead,
        "foreign_token": request.foreign_token,
    })
}

/// A body as JSON; an empty one is `{}`.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

fn known_org(world: &World, org_id: &str) -> Result<(), Refusal> {
    if world.orgs.contains_key(org_id) { Ok(()) } else { Err(missing("org")) }
}

fn missing(what: &str) -> Refusal {
    (StatusCode::NOT_FOUND, format!("no such {what}"))
}

fn unknown(name: &str) -> Refusal {
    (StatusCode::NOT_FOUND, format!("no such control call: {name}"))
}
