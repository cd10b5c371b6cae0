//! sObject resources: create, read, update, upsert by external id, delete, describe.

use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Admitted, files};
use crate::answer::Answer;
use crate::state::objects::{Fields, key_prefix};
use crate::stop::Stop;
use crate::upload::Upload;

pub(crate) async fn answer(
    request: &Admitted<'_>,
    version: &str,
    below: &[&str],
    upload: Upload,
) -> Result<Answer, Stop> {
    if let [object, ..] = below
        && key_prefix(object).is_none()
    {
        upload.drain().await?;
        return Err(request.not_found());
    }
    match *below {
        ["ContentVersion"] if request.method() == Method::POST => files::create(request, version, upload).await,
        [object] if request.method() == Method::POST => {
            let fields = request.json(upload).await?;
            create(request, version, object, fields)
        }
        [object, field, value] if field.ends_with("__c") => {
            by_external_id(request, version, (object, field, value), upload).await
        }
        [object, id] if request.method() == Method::PATCH => {
            let fields = request.json(upload).await?;
            update(request, object, id, fields)
        }
        _ => {
            upload.drain().await?;
            without_body(request, version, below)
        }
    }
}

fn without_body(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    match *below {
        [] => {
            request.only(&[Method::GET])?;
            Ok(describe_all(version))
        }
        [object] => {
            request.only(&[Method::GET, Method::POST])?;
            Ok(Answer::json(StatusCode::OK, &json!({"objectDescribe": summary(object, version), "recentItems": []})))
        }
        [object, "describe"] => {
            request.only(&[Method::GET])?;
            Ok(describe(request, version, object))
        }
        [object, id] => {
            request.only(&[Method::GET, Method::PATCH, Method::DELETE])?;
            if request.method() == Method::DELETE {
                delete(request, object, id)
            } else {
                read(request, version, object, id)
            }
        }
        ["ContentVersion", id, "VersionData"] => {
            request.only(&[Method::GET])?;
            files::download(request, id)
        }
        _ => Err(request.not_found()),
    }
}

/// Stores a new record, and answers 201 with its absolute address.
pub(crate) fn create(request: &Admitted<'_>, version: &str, object: &str, fields: Fields) -> Result<Answer, Stop> {
    let id = insert(request, object, fields)?;
    Ok(created(request, version, object, &id))
}

/// Stores a new record as the org's rules allow, and returns its id.
pub(crate) fn insert(request: &Admitted<'_>, object: &str, mut fields: Fields) -> Result<String, Stop> {
    let required = match object {
        "Account" => Some("Name"),
        "Contact" | "Lead" => Some("LastName"),
        _ => None,
    };
    if let Some(required) = required
        && fields.get(required).is_none_or(Value::is_null)
    {
        let message = format!("Required fields are missing: [{required}]");
        return Err(request.bad_request("REQUIRED_FIELD_MISSING", &message));
    }
    let prefix = key_prefix(object).ok_or_else(|| request.not_found())?;
    fields.insert("OwnerId".to_owned(), request.user.user_id.clone().into());
    let mut world = request.call.shared.world();
    let id = world.ids.next(prefix);
    let objects = &mut world.org_mut(request.org_id).objects;
    objects.insert(object, &id, fields);
    Ok(id)
}

pub(crate) fn created(request: &Admitted<'_>, version: &str, object: &str, id: &str) -> Answer {
    let instance_url = request.with_org(|org| org.instance_url.clone());
    let location = format!("{instance_url}/services/data/{version}/sobjects/{object}/{id}");
    let body = json!({"id": id, "success": true, "errors": []});
    Answer::json(StatusCode::CREATED, &body).with(LOCATION, &location)
}

fn read(request: &Admitted<'_>, version: &str, object: &str, id: &str) -> Result<Answer, Stop> {
    let found = if object == "User" {
        let world = request.call.shared.world();
        world.users.get(id).map(|user| {
            let fields = json!({"Id": id, "Username": user.username, "IsActive": user.active});
            fields.as_object().cloned().unwrap_or_default()
        })
    } else {
        request.with_org(|org| org.objects.get(object, id).cloned())
    };
    let mut record = found.ok_or_else(|| request.not_found())?;
    if let Some(asked) = request.call.parameter("fields") {
        let asked: Vec<&str> = asked.split(',').collect();
        record.retain(|name, _| name == "Id" || asked.contains(&name.as_str()));
    }
    let url = format!("/services/data/{version}/sobjects/{object}/{id}");
    record.insert("attributes".to_owned(), json!({"type": object, "url": url}));
    Ok(Answer::json(StatusCode::OK, &Value::Object(record)))
}

fn update(request: &Admitted<'_>, object: &str, id: &str, mut changes: Fields) -> Result<Answer, Stop> {
    if changes.contains_key("Id") {
        return Err(request.bad_request("INVALID_FIELD", "The Id field should not be specified in the sobject data."));
    }
    let updated = request.with_org(|org| match org.objects.get_mut(object, id) {
        Some(record) => {
            record.append(&mut changes);
            true
        }
        None => false,
    });
    if updated { Ok(Answer::empty(StatusCode::NO_CONTENT)) } else { Err(request.not_found()) }
}

fn delete(request: &Admitted<'_>, object: &str, id: &str) -> Result<Answer, Stop> {
    let deleted = request.with_org(|org| {
        org.objects.files.remove(id);
        org.objects.remove(object, id)
    });
    if deleted {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        Err(request.error(StatusCode::NOT_FOUND, "ENTITY_IS_DELETED", "entity is deleted"))
    }
}

/// `/sobjects/Object/External__c/value`. Two records with the value are 300 and a list of them.
async fn by_external_id(
    request: &Admitted<'_>,
    version: &str,
    (object, field, value): (&str, &str, &str),
    upload: Upload,
) -> Result<Answer, Stop> {
    let ids = request.with_org(|org| org.objects.with_value(object, field, value));
    if ids.len() > 1 {
        upload.drain().await?;
        let at = |id: &String| format!("/services/data/{version}/sobjects/{object}/{id}");
        let list: Vec<String> = ids.iter().map(at).collect();
        return Ok(Answer::json(StatusCode::MULTIPLE_CHOICES, &json!(list)));
    }
    if request.method() != Method::PATCH {
        upload.drain().await?;
        request.only(&[Method::GET, Method::PATCH, Method::DELETE])?;
        let id = ids.first().ok_or_else(|| request.not_found())?;
        return if request.method() == Method::DELETE {
            delete(request, object, id)
        } else {
            read(request, version, object, id)
        };
    }
    let mut fields = request.json(upload).await?;
    if let Some(id) = ids.first() {
        update(request, object, id, fields)?;
        let body = json!({"id": id, "success": true, "errors": [], "created": false});
        return Ok(Answer::json(StatusCode::OK, &body));
    }
    fields.insert(field.to_owned(), Value::from(value));
    let id = insert(request, object, fields)?;
    let body = json!({"id": id, "success": true, "errors": [], "created": true});
    Ok(Answer::json(StatusCode::CREATED, &body))
}

fn summary(object: &str, version: &str) -> Value {
    let at = format!("/services/data/{version}/sobjects/{object}");
    json!({
        "name": object,
        "label": object,
        "keyPrefix": key_prefix(object),
        "custom": object.ends_with("__c"),
        "queryable": true,
        "createable": true,
        "urls": {
            "sobject": at,
            "describe": format!("{at}/describe"),
            "rowTemplate": format!("{at}/{{ID}}"),
        },
    })
}

fn describe_all(version: &str) -> Answer {
    let objects = ["Account", "Contact", "ContentVersion", "Case", "Lead", "Opportunity", "Task", "User"];
    let list: Vec<Value> = objects.iter().map(|object| summary(object, version)).collect();
    let body = json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list});
    Answer::json(StatusCode::OK, &body)
}

/// Describes an object by the fields that its records have.
fn describe(request: &Admitted<'_>, version: &str, object: &str) -> Answer {
    let mut names = vec!["Id".to_owned(), "Name".to_owned(), "OwnerId".to_owned()];
    request.with_org(|org| {
        names.extend(org.objects.all(object).flat_map(Fields::keys).cloned());
    });
    names.sort();
    names.dedup();
    let field = |name: &String| {
        let kind = if name == "Id" { "id" } else { "string" };
        json!({"name": name, "label": name, "type": kind, "externalId": name.ends_with("__c")})
    };
    let mut body = summary(object, version);
    body["fields"] = names.iter().map(field).collect();
    Answer::json(StatusCode::OK, &body)
}
