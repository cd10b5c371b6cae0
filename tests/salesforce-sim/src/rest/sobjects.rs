//! sObject resources: create, read, update, upsert by external id, delete, describe.

use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Admitted, files};
use crate::answer::Answer;
use crate::clock::json_timestamp;
use crate::describe;
use crate::state::objects::{Fields, key_prefix};
use crate::stop::Stop;

pub(crate) fn answer(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    if let [object, ..] = below
        && key_prefix(object).is_none()
    {
        return Err(request.not_found());
    }
    match *below {
        [object] if request.method() == Method::POST && files::blob_of(object).is_some() => {
            files::create(request, version, object)
        }
        [object] if request.method() == Method::POST => create(request, version, object, request.json()?),
        [object, field, value] if field.ends_with("__c") => by_external_id(request, version, (object, field, value)),
        ["User", id, "password"] => password(request, id),
        [object, id] if request.method() == Method::PATCH => update(request, object, id, request.json()?),
        _ => without_body(request, version, below),
    }
}

fn without_body(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    match *below {
        [] => {
            request.only(&[Method::GET])?;
            Ok(describe_all(request, version))
        }
        [object] => {
            request.only(&[Method::GET, Method::POST])?;
            summary(request, object, version)
        }
        [object, "describe"] => {
            request.only(&[Method::GET])?;
            describe(request, version, object)
        }
        [object, "updated"] => {
            request.only(&[Method::GET])?;
            let ids: Vec<Value> = request
                .with_org(|org| org.objects.all(object).filter_map(|record| record.get("Id").cloned()).collect());
            let now = json_timestamp(request.call.shared.now());
            Ok(Answer::json(StatusCode::OK, &json!({"ids": ids, "latestDateCovered": now})))
        }
        [object, "deleted"] => {
            request.only(&[Method::GET])?;
            let now = json_timestamp(request.call.shared.now());
            let deleted: Vec<Value> = request.with_org(|org| {
                org.objects.deleted_of(object).map(|id| json!({"id": id, "deletedDate": now})).collect()
            });
            let body = json!({"deletedRecords": deleted, "earliestDateAvailable": now, "latestDateCovered": now});
            Ok(Answer::json(StatusCode::OK, &body))
        }
        [object, id] => {
            request.only(&[Method::GET, Method::PATCH, Method::DELETE])?;
            if request.method() == Method::DELETE { delete(request, id) } else { read(request, version, object, id) }
        }
        [object, id, blob] if files::blob_of(object) == Some(blob) => {
            request.only(&[Method::GET])?;
            files::download(request, id)
        }
        _ => Err(request.not_found()),
    }
}

/// Whether a user's password has expired, which it never does here; or another one.
fn password(request: &Admitted<'_>, id: &str) -> Result<Answer, Stop> {
    request.only(&[Method::GET, Method::POST])?;
    if request.method() == Method::GET {
        return Ok(Answer::json(StatusCode::OK, &json!({"isExpired": false})));
    }
    let asked = request.json()?;
    let password = asked.get("NewPassword").and_then(Value::as_str).filter(|password| password.len() >= 8);
    let message = "Your password must be at least 8 characters long";
    let password = password.ok_or_else(|| request.bad_request("INVALID_NEW_PASSWORD", message))?;
    if request.call.shared.world().set_password(request.org_id, id, password) {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        Err(request.not_found())
    }
}

/// Stores a new record, and answers 201 with its absolute address; publishes what is an event.
pub(crate) fn create(request: &Admitted<'_>, version: &str, object: &str, fields: Fields) -> Result<Answer, Stop> {
    if let Some(channel) = crate::events::Channel::of(object) {
        return Ok(crate::events::answer(request, &channel, fields));
    }
    let id = insert(request, object, fields)?;
    Ok(created(request, version, object, &id))
}

/// Stores a new record as the org's rules allow, and returns its id.
pub(crate) fn insert(request: &Admitted<'_>, object: &str, fields: Fields) -> Result<String, Stop> {
    let mut world = request.call.shared.world();
    world.create_record(&request.user, object, fields).map_err(|error| request.refused(&error))
}

pub(crate) fn created(request: &Admitted<'_>, version: &str, object: &str, id: &str) -> Answer {
    let instance_url = request.with_org(|org| org.instance_url.clone());
    let location = format!("{instance_url}/services/data/{version}/sobjects/{object}/{id}");
    let body = json!({"id": id, "success": true, "errors": []});
    Answer::json(StatusCode::CREATED, &body).with(LOCATION, &location)
}

fn read(request: &Admitted<'_>, version: &str, object: &str, id: &str) -> Result<Answer, Stop> {
    let found = request.call.shared.world().record(request.org_id, object, id);
    let mut record = found.ok_or_else(|| request.not_found())?;
    if let Some(asked) = request.parameter("fields") {
        let asked: Vec<&str> = asked.split(',').collect();
        record.retain(|name, _| name == "Id" || asked.contains(&name.as_str()));
    }
    let url = format!("/services/data/{version}/sobjects/{object}/{id}");
    record.insert("attributes".to_owned(), json!({"type": object, "url": url}));
    Ok(Answer::json(StatusCode::OK, &Value::Object(record)))
}

fn update(request: &Admitted<'_>, object: &str, id: &str, changes: Fields) -> Result<Answer, Stop> {
    if changes.contains_key("Id") {
        return Err(request.bad_request("INVALID_FIELD", "The Id field should not be specified in the sobject data."));
    }
    let updated = request.call.shared.world().update_record(request.org_id, object, id, changes);
    updated.map_err(|error| request.refused(&error))?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

fn delete(request: &Admitted<'_>, id: &str) -> Result<Answer, Stop> {
    let deleted = request.call.shared.world().delete_record(request.org_id, id);
    deleted.map_err(|error| request.refused(&error))?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// `/sobjects/Object/External__c/value`. Two records with the value are 300 and a list of them.
fn by_external_id(
    request: &Admitted<'_>,
    version: &str,
    (object, field, value): (&str, &str, &str),
) -> Result<Answer, Stop> {
    let ids = request.with_org(|org| org.objects.with_value(object, field, value));
    if ids.len() > 1 {
        let at = |id: &String| format!("/services/data/{version}/sobjects/{object}/{id}");
        let list: Vec<String> = ids.iter().map(at).collect();
        return Ok(Answer::json(StatusCode::MULTIPLE_CHOICES, &json!(list)));
    }
    if request.method() != Method::PATCH {
        request.only(&[Method::GET, Method::PATCH, Method::DELETE])?;
        let id = ids.first().ok_or_else(|| request.not_found())?;
        return if request.method() == Method::DELETE {
            delete(request, id)
        } else {
            read(request, version, object, id)
        };
    }
    let fields = request.json()?;
    if fields.contains_key(field) {
        let message = format!("The {field} field should not be specified in the sobject data.");
        return Err(request.bad_request("INVALID_FIELD", &message));
    }
    let upserted = request.call.shared.world().upsert_record(&request.user, object, (field, value), fields);
    let upserted = upserted.map_err(|error| request.refused(&error))?;
    let status = if upserted.created { StatusCode::CREATED } else { StatusCode::OK };
    let body = json!({"id": upserted.id, "success": true, "errors": [], "created": upserted.created});
    Ok(Answer::json(status, &body))
}

/// An object's description with the addresses of its resources, which are paths.
fn with_urls(mut described: Value, object: &str, version: &str) -> Value {
    let at = format!("/services/data/{version}/sobjects/{object}");
    described["urls"] = json!({
        "sobject": at,
        "describe": format!("{at}/describe"),
        "rowTemplate": format!("{at}/{{ID}}"),
    });
    described
}

fn describe_all(request: &Admitted<'_>, version: &str) -> Answer {
    let names = request.with_org(|org| describe::objects(org));
    let summary = |object: &String| Some(with_urls(describe::summary(object)?, object, version));
    let list: Vec<Value> = names.iter().filter_map(summary).collect();
    let body = json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list});
    Answer::json(StatusCode::OK, &body)
}

fn summary(request: &Admitted<'_>, object: &str, version: &str) -> Result<Answer, Stop> {
    let summary = describe::summary(object).ok_or_else(|| request.not_found())?;
    let body = json!({"objectDescribe": with_urls(summary, object, version), "recentItems": []});
    Ok(Answer::json(StatusCode::OK, &body))
}

fn describe(request: &Admitted<'_>, version: &str, object: &str) -> Result<Answer, Stop> {
    let described = request.with_org(|org| describe::object(org, object));
    let described = described.ok_or_else(|| request.not_found())?;
    Ok(Answer::json(StatusCode::OK, &with_urls(described, object, version)))
}
