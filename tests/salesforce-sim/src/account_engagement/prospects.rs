//! Prospects: an org has one to begin with, and each has a number for an id.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::error;
use crate::answer::Answer;
use crate::call::Call;
use crate::state::objects::{Fields, Objects};

const OBJECT: &str = "Prospect";

/// `id` is what the path has after the list's own.
pub(super) fn answer(call: &Call, org_id: &str, id: &str, body: &[u8]) -> Answer {
    let mut asked: Fields = serde_json::from_slice(body).unwrap_or_default();
    let mut world = call.shared.world();
    let objects = &mut world.org_mut(org_id).objects;
    if next_id(objects) == 1 {
        insert(objects, json!({"email": "ana@acme.example"}).as_object().cloned().unwrap_or_default());
    }
    let known = objects.get_mut(OBJECT, id);
    match (call.method(), known) {
        (&Method::POST, _) if id.is_empty() => {
            if !asked.get("email").and_then(Value::as_str).is_some_and(|email| email.contains('@')) {
                return error(StatusCode::BAD_REQUEST, 109, "The email address is invalid.");
            }
            Answer::json(StatusCode::CREATED, &Value::Object(insert(objects, asked)))
        }
        (&Method::GET, _) if id.is_empty() => {
            let values: Vec<Value> = objects.all(OBJECT).map(|prospect| shown(call, prospect)).collect();
            let page = json!({"nextPageToken": null, "nextPageUrl": null, "values": values});
            Answer::json(StatusCode::OK, &page)
        }
        (_, None) => error(StatusCode::NOT_FOUND, 4, "Invalid prospect ID"),
        (&Method::GET, Some(prospect)) => Answer::json(StatusCode::OK, &shown(call, prospect)),
        (&Method::PATCH, Some(prospect)) => {
            prospect.append(&mut asked);
            Answer::json(StatusCode::OK, &shown(call, prospect))
        }
        (&Method::DELETE, Some(_)) => {
            objects.remove(OBJECT, id);
            Answer::empty(StatusCode::NO_CONTENT)
        }
        _ => error(StatusCode::METHOD_NOT_ALLOWED, 88, "Invalid HTTP request method"),
    }
}

fn next_id(objects: &Objects) -> usize {
    objects.all(OBJECT).count() + objects.deleted_of(OBJECT).count() + 1
}

fn insert(objects: &mut Objects, mut fields: Fields) -> Fields {
    let id = next_id(objects);
    fields.insert("id".to_owned(), id.into());
    objects.insert(OBJECT, &id.to_string(), fields.clone());
    fields
}

/// The fields that were asked for, or all.
fn shown(call: &Call, prospect: &Fields) -> Value {
    let own = prospect.iter().filter(|(name, _)| *name != "Id");
    match call.parameter("fields") {
        None => own.map(|(name, value)| (name.clone(), value.clone())).collect(),
        Some(asked) => {
            let field = |name: &str| (name.to_owned(), prospect.get(name).cloned().unwrap_or_default());
            asked.split(',').map(field).collect()
        }
    }
}
