//! Up to 200 records of one or several objects in one request; the answer is 200 and says of each what became of it.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::rest::Admitted;
use crate::state::World;
use crate::state::objects::{Fields, text};
use crate::state::records::RowError;
use crate::stop::Stop;

/// Most records of a request.
const RECORDS: usize = 200;

pub(super) fn answer(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    match (below, request.method().as_str()) {
        ([], "POST") => each(request, |world, object, fields| {
            let id = world.create_record(&request.user, object, fields)?;
            Ok(json!({"id": id, "success": true, "errors": []}))
        }),
        ([], "PATCH") => each(request, |world, object, mut fields| {
            let id = fields.remove("Id").or_else(|| fields.remove("id")).as_ref().map(text).unwrap_or_default();
            world.update_record(request.org_id, object, &id, fields)?;
            Ok(json!({"id": id, "success": true, "errors": []}))
        }),
        ([object, field], "PATCH") => each(request, |world, _, fields| {
            let value = fields.get(*field).map(text).unwrap_or_default();
            let upserted = world.upsert_record(&request.user, object, (field, &value), fields)?;
            Ok(json!({"id": upserted.id, "success": true, "errors": [], "created": upserted.created}))
        }),
        ([], "DELETE") => delete(request),
        ([object], "GET" | "POST") => read(request, version, object),
        _ => {
            request.only(&[Method::GET, Method::POST, Method::PATCH, Method::DELETE])?;
            Err(request.not_found())
        }
    }
}

fn each(
    request: &Admitted<'_>,
    act: impl Fn(&mut World, &str, Fields) -> Result<Value, RowError>,
) -> Result<Answer, Stop> {
    let mut asked = request.json()?;
    let all_or_none = asked.get("allOrNone").and_then(Value::as_bool).unwrap_or_default();
    let records = asked.remove("records").and_then(|records| serde_json::from_value::<Vec<Fields>>(records).ok());
    let records = records.ok_or_else(|| request.bad_request("JSON_PARSER_ERROR", "records expected"))?;
    all(request, all_or_none, records, |world, mut fields: Fields| {
        let attributes = fields.remove("attributes").unwrap_or_default();
        act(world, attributes["type"].as_str().unwrap_or_default(), fields)
    })
}

fn delete(request: &Admitted<'_>) -> Result<Answer, Stop> {
    let ids = request.parameter("ids").unwrap_or_default();
    let ids: Vec<&str> = ids.split(',').collect();
    let all_or_none = request.parameter("allOrNone").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    all(request, all_or_none, ids, |world, id| {
        world.delete_record(request.org_id, id)?;
        Ok(json!({"id": id, "success": true, "errors": []}))
    })
}

/// Does each row; with `all_or_none` one failure undoes them all.
fn all<T>(
    request: &Admitted<'_>,
    all_or_none: bool,
    rows: Vec<T>,
    act: impl Fn(&mut World, T) -> Result<Value, RowError>,
) -> Result<Answer, Stop> {
    if rows.len() > RECORDS {
        let message = format!("record limit reached. cannot submit more than {RECORDS} records into this call");
        return Err(request.bad_request("EXCEEDED_ID_LIMIT", &message));
    }
    let mut world = request.call.shared.world();
    let before = all_or_none.then(|| world.org(request.org_id).objects.clone());
    let outcomes: Vec<_> = rows.into_iter().map(|row| act(&mut world, row)).collect();
    let undone = before.filter(|_| outcomes.iter().any(Result::is_err));
    let is_undone = undone.is_some();
    if let Some(before) = undone {
        world.org_mut(request.org_id).objects = before;
    }
    let rolled_back = json!({
        "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "message": "Record rolled back because not all records were valid and the request was using AllOrNone header",
        "fields": [],
    });
    let shown = outcomes.into_iter().map(|outcome| match outcome {
        Ok(_) if is_undone => json!({"success": false, "errors": [rolled_back]}),
        Ok(result) => result,
        Err(error) => json!({"success": false, "errors": [error.shown()]}),
    });
    Ok(Answer::json(StatusCode::OK, &shown.collect()))
}

/// The records of these ids, in their order, null for one that is not there.
fn read(request: &Admitted<'_>, version: &str, object: &str) -> Result<Answer, Stop> {
    let (ids, fields): (Vec<String>, Vec<String>) = if request.method() == Method::POST {
        let asked = Value::Object(request.json()?);
        let list = |name: &str| serde_json::from_value(asked[name].clone()).unwrap_or_default();
        (list("ids"), list("fields"))
    } else {
        let list = |name| request.parameter(name).map(|list| list.split(',').map(str::to_owned).collect());
        (list("ids").unwrap_or_default(), list("fields").unwrap_or_default())
    };
    if fields.is_empty() {
        return Err(request.bad_request("MISSING_ARGUMENT", "fields expected"));
    }
    let world = request.call.shared.world();
    let shown = ids.iter().map(|id| {
        let mut record = world.record(request.org_id, object, id)?;
        record.retain(|name, _| fields.iter().any(|field| field.eq_ignore_ascii_case(name)));
        let url = format!("/services/data/{version}/sobjects/{object}/{id}");
        record.insert("attributes".to_owned(), json!({"type": object, "url": url}));
        Some(record)
    });
    Ok(Answer::json(StatusCode::OK, &json!(shown.collect::<Vec<_>>())))
}
