//! The control API: what [`crate::Simulator`] does, over HTTP, for tests in other processes. JSON in and
//! out, on the login host only, below [`PREFIX`]. It is never recorded and no fault strikes it.

mod change;
mod create;
mod events;

use std::sync::Arc;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::body::Body;
use crate::call::parameter;
use crate::record::RecordedRequest;
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
                Method::POST => create::create(shared, name, &body)
                    .or_else(|| change::change(shared, name, &body))
                    .or_else(|| events::events(shared, name, &body))
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
        "records" => {
            let text = |name| parameter(query.as_bytes(), name).unwrap_or_default();
            let world = shared.world();
            known_org(&world, &text("org_id"))?;
            Ok(world.org(&text("org_id")).objects.all(&text("object")).cloned().map(Value::Object).collect())
        }
        "data-cloud" => {
            let org_id = parameter(query.as_bytes(), "org_id").unwrap_or_default();
            known_org(&shared.world(), &org_id)?;
            Ok(json!({"host": shared.data_cloud_host(&org_id)}))
        }
        _ => Err(unknown(name)),
    }
}

fn clear(shared: &Shared, name: &str) -> Result<Value, Refusal> {
    match name {
        "requests" => shared.record.clear(),
        "faults" => shared.faults.clear(),
        "refuse-authorize" => shared.world().refusals.clear(),
        _ => return Err(unknown(name)),
    }
    Ok(json!({}))
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
        "grpc_status": request.grpc_status,
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

fn known_user(world: &World, user_id: &str) -> Result<(), Refusal> {
    if world.users.contains_key(user_id) { Ok(()) } else { Err(missing("user")) }
}

fn missing(what: &str) -> Refusal {
    (StatusCode::NOT_FOUND, format!("no such {what}"))
}

fn unknown(name: &str) -> Refusal {
    (StatusCode::NOT_FOUND, format!("no such control call: {name}"))
}
