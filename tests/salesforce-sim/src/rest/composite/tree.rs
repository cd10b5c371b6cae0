//! Trees: records with the records below them, created all together or not at all.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::rest::Admitted;
use crate::state::World;
use crate::state::objects::Fields;
use crate::stop::Stop;

/// Most records of a tree.
const RECORDS: usize = 200;

/// What a record is created under: a field and the id in it.
type Parent<'a> = Option<(&'a str, &'a str)>;

pub(super) fn answer(request: &Admitted<'_>, object: &str) -> Result<Answer, Stop> {
    request.only(&[Method::POST])?;
    let mut asked = request.json()?;
    let records = asked.remove("records").unwrap_or_default();
    let mut world = request.call.shared.world();
    let before = world.org(request.org_id).objects.clone();
    let (mut created, mut errors) = (Vec::new(), Vec::new());
    grow(request, &mut world, object, None, &records, &mut created, &mut errors);
    if created.len() > RECORDS {
        errors.push(json!({"referenceId": null, "errors": [{"statusCode": "INVALID_INPUT", "message": "too many records", "fields": []}]}));
    }
    if errors.is_empty() {
        return Ok(Answer::json(StatusCode::CREATED, &json!({"hasErrors": false, "results": created})));
    }
    world.org_mut(request.org_id).objects = before;
    Ok(Answer::json(StatusCode::BAD_REQUEST, &json!({"hasErrors": true, "results": errors})))
}

fn grow(
    request: &Admitted<'_>,
    world: &mut World,
    object: &str,
    parent: Parent<'_>,
    records: &Value,
    created: &mut Vec<Value>,
    errors: &mut Vec<Value>,
) {
    for record in records.as_array().into_iter().flatten() {
        let mut fields: Fields = record.as_object().cloned().unwrap_or_default();
        let attributes = fields.remove("attributes").unwrap_or_default();
        let kind = attributes["type"].as_str().unwrap_or(object);
        // What has records of its own below it is a relationship.
        let (below, mut fields): (Fields, Fields) =
            fields.into_iter().partition(|(_, value)| value.get("records").is_some());
        if let Some((field, id)) = parent {
            fields.insert(field.to_owned(), Value::from(id));
        }
        match world.create_record(&request.user, kind, fields) {
            Err(error) => {
                errors.push(json!({"referenceId": attributes["referenceId"], "errors": [error.shown()]}));
            }
            Ok(id) => {
                created.push(json!({"referenceId": attributes["referenceId"], "id": id}));
                let field = if kind.ends_with("__c") { kind.to_owned() } else { format!("{kind}Id") };
                for records in below.values() {
                    grow(request, world, "", Some((&field, &id)), &records["records"], created, errors);
                }
            }
        }
    }
}
