//! What a tenant's host answers whoever has been admitted: queries of the org's records, and what is ingested.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::clock::timestamp;
use crate::describe;
use crate::rest::soql::Query;
use crate::state::objects::{Fields, key_prefix};

pub(super) fn answer(call: &Call, org_id: &str, body: &[u8]) -> Answer {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let segments: Vec<&str> = call.path().trim_matches('/').split('/').collect();
    match (call.method(), segments.as_slice()) {
        (&Method::POST, ["api", version @ ("v1" | "v2"), "query"]) => query(call, org_id, version, &asked["sql"]),
        (_, ["api", "v1", "metadata"] | ["api", "v1", "profile", "metadata"]) => {
            let world = call.shared.world();
            let org = world.org(org_id);
            let objects = describe::objects(org).into_iter().filter(|object| is_own(object));
            let entry = |object: String| {
                let fields = describe::object(org, &object)?["fields"].clone();
                Some(json!({"name": object, "displayName": object, "fields": fields}))
            };
            Answer::json(StatusCode::OK, &json!({"metadata": objects.filter_map(entry).collect::<Vec<_>>()}))
        }
        (&Method::GET, ["api", "v1", "profile", object]) => {
            let world = call.shared.world();
            let rows: Vec<&Fields> = world.org(org_id).objects.all(object).collect();
            Answer::json(StatusCode::OK, &json!({"data": rows, "done": true}))
        }
        (&Method::POST, ["api", "v1", "ingest", "sources", _, object]) => ingest(call, org_id, object, &asked["data"]),
        (_, ["api", "v1", "ingest", ..]) => Answer::json(StatusCode::ACCEPTED, &json!({"accepted": true})),
        _ => refused(StatusCode::NOT_FOUND, "Not Found", "no such resource"),
    }
}

/// Whether an object is a lake or a model object of Data Cloud.
fn is_own(object: &str) -> bool {
    object.ends_with("__dlm") || object.ends_with("__dll")
}

/// The second version has rows of cells and says what the columns are; the first has rows with names.
fn query(call: &Call, org_id: &str, version: &str, sql: &Value) -> Answer {
    let query = match Query::parse(sql.as_str().unwrap_or_default().trim().trim_end_matches(';')) {
        Ok(query) => query,
        Err(problem) => {
            return refused(StatusCode::BAD_REQUEST, "Bad Request", &format!("INVALID_ARGUMENT: {problem}"));
        }
    };
    let now = timestamp(call.shared.now());
    let mut world = call.shared.world();
    let id = world.ids.next("0dq");
    let rows = world.rows(org_id, &query, version);
    let cells = |row: &Value| -> Value { query.fields.iter().map(|field| row[field].clone()).collect() };
    let named = |row: &Value| -> Value {
        let fields = row.as_object().into_iter().flatten().filter(|(name, _)| *name != "attributes");
        fields.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let data: Vec<Value> =
        if version == "v2" { rows.iter().map(cells).collect() } else { rows.iter().map(named).collect() };
    let column = |(place, name): (usize, &String)| {
        (name.clone(), json!({"type": "VARCHAR", "placeInOrder": place, "typeCode": 12}))
    };
    let columns: Fields = query.fields.iter().enumerate().map(column).collect();
    let body = json!({
        "data": data,
        "startTime": now,
        "endTime": now,
        "rowCount": rows.len(),
        "queryId": id,
        "done": true,
        "metadata": columns,
        // For tests: the real answer does not repeat it.
        "sql": sql,
    });
    Answer::json(StatusCode::OK, &body)
}

fn ingest(call: &Call, org_id: &str, object: &str, data: &Value) -> Answer {
    let (Ok(rows), Some(prefix)) = (serde_json::from_value::<Vec<Fields>>(data.clone()), key_prefix(object)) else {
        return refused(StatusCode::BAD_REQUEST, "Bad Request", "a list of data for a known object expected");
    };
    let mut world = call.shared.world();
    for row in rows {
        let id = world.ids.next(prefix);
        world.org_mut(org_id).objects.insert(object, &id, row);
    }
    Answer::json(StatusCode::ACCEPTED, &json!({"accepted": true}))
}

fn refused(status: StatusCode, error: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"error": error, "message": message}))
}
