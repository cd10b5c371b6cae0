//! The rows of a batch in its three formats, what an operation does with each, and what a query finds.

use bytes::Bytes;
use serde_json::Value;

use super::job::{Batch, ContentType, Work};
use super::wording::{self, RowOutcome};
use crate::clock::Millis;
use crate::csv;
use crate::rest::soql::Query;
use crate::state::World;
use crate::state::objects::{Fields, text};
use crate::state::records::{RowError, Upserted};
use crate::state::sessions::Identity;
use crate::xml::Element;

/// Processes a batch: one comes of it, or several of a query that is to be split; the refusal is a batch that cannot be
/// read.
pub(super) fn processed(
    world: &mut World,
    user: &Identity,
    work: &Work,
    body: Bytes,
    now: Millis,
) -> Result<Vec<Batch>, String> {
    if work.operation.starts_with("query") {
        return Ok(queried(world, user, work, &body, now));
    }
    let rows = rows(work.content_type, &body).ok_or("Failed to parse batch")?;
    let outcomes: Vec<RowOutcome> = rows
        .into_iter()
        .map(|row| process(world, user, (&work.operation, &work.object, work.external_id.as_deref()), row))
        .collect();
    Ok(vec![Batch {
        processed: outcomes.len(),
        failed: outcomes.iter().filter(|row| row.is_err()).count(),
        outcome: wording::results(work.content_type, &outcomes).into(),
        ..Batch::new(world, now, body)
    }])
}

fn queried(world: &mut World, user: &Identity, work: &Work, body: &Bytes, now: Millis) -> Vec<Batch> {
    let soql = String::from_utf8_lossy(body);
    let query = match Query::parse(&soql) {
        Ok(query) if query.object.eq_ignore_ascii_case(&work.object) => query,
        refused => {
            let problem = refused.err().unwrap_or_else(|| "the object is not the job's".to_owned());
            let message = Some(format!("InvalidBatch : Failed to process query: MALFORMED_QUERY: {problem}"));
            return vec![Batch { state: "Failed", message, ..Batch::new(world, now, body.clone()) }];
        }
    };
    let rows = world.rows(&user.org_id, &query, &work.version);
    let found = |world: &mut World, rows: &[Value]| {
        let result_id = Some(world.ids.next("752"));
        let outcome = wording::found(work.content_type, &query, rows).into();
        Batch { outcome, result_id, processed: rows.len(), ..Batch::new(world, now, body.clone()) }
    };
    let Some(chunk) = work.chunk else {
        return vec![found(world, &rows)];
    };
    let asked = Batch { state: "NotProcessed", ..Batch::new(world, now, body.clone()) };
    let mut batches = vec![asked];
    batches.extend(rows.chunks(chunk).map(|rows| found(world, rows)));
    batches
}

impl Batch {
    fn new(world: &mut World, now: Millis, request: Bytes) -> Self {
        Self {
            id: world.ids.next("751"),
            state: "Completed",
            message: None,
            created: now,
            request,
            outcome: Bytes::new(),
            result_id: None,
            processed: 0,
            failed: 0,
        }
    }
}

/// The rows of a batch; `None` if it is not in its job's format.
fn rows(content_type: ContentType, body: &[u8]) -> Option<Vec<Fields>> {
    match content_type {
        ContentType::Json => serde_json::from_slice(body).ok(),
        ContentType::Csv => csv::rows(std::str::from_utf8(body).ok()?, ','),
        ContentType::Xml => xml(body),
    }
}

/// Does one row: the record's id and whether it is new, or why it failed.
pub(crate) fn process(
    world: &mut World,
    user: &Identity,
    (operation, object, external_id): (&str, &str, Option<&str>),
    mut row: Fields,
) -> Result<Upserted, RowError> {
    row.remove("attributes");
    if operation == "insert" {
        return world.create_record(user, object, row).map(|id| Upserted { id, created: true });
    }
    if operation == "upsert" {
        let field = external_id.unwrap_or("Id");
        let value = row.get(field).map(text).unwrap_or_default();
        return world.upsert_record(user, object, (field, &value), row);
    }
    let id = row.remove("Id").or_else(|| row.remove("id"));
    let id = id.and_then(|id| id.as_str().map(str::to_owned)).ok_or_else(|| RowError {
        code: "MISSING_ARGUMENT",
        message: "Id not specified".to_owned(),
        fields: Vec::new(),
    })?;
    match operation {
        "delete" | "hardDelete" => world.delete_record(&user.org_id, &id)?,
        _ => world.update_record(&user.org_id, object, &id, row)?,
    }
    Ok(Upserted { id, created: false })
}

/// `<sObjects><sObject><Name>x</Name></sObject></sObjects>`, without nesting.
fn xml(body: &[u8]) -> Option<Vec<Fields>> {
    let root = Element::parse(body).ok().filter(|root| root.name == "sObjects")?;
    let value = |field: &Element| if field.nil { Value::Null } else { Value::from(field.text.as_str()) };
    let row = |record: &Element| {
        let fields = record.children.iter().filter(|field| field.name != "type");
        fields.map(|field| (field.name.clone(), value(field))).collect()
    };
    Some(root.all("sObject").map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_formats_hold_the_same_rows() {
        let expected = vec![serde_json::json!({"Name": "A & B", "Phone": "1"}).as_object().cloned().unwrap()];
        let csv = "Name,\"Phone\"\r\n\"A & B\",1\r\n";
        let xml = "<sObjects xmlns=\"urn:x\"><sObject><Name>A &amp; B</Name><Phone>1</Phone></sObject></sObjects>";
        let json = r#"[{"Name":"A & B","Phone":"1"}]"#;
        assert_eq!(rows(ContentType::Csv, csv.as_bytes()).unwrap(), expected);
        assert_eq!(rows(ContentType::Xml, xml.as_bytes()).unwrap(), expected);
        assert_eq!(rows(ContentType::Json, json.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_batch_that_is_cut_short_is_no_batch() {
        assert!(rows(ContentType::Csv, b"Name\n\"Ac").is_none());
        assert!(rows(ContentType::Json, b"[{").is_none());
        assert!(rows(ContentType::Xml, b"<sObjects><sObject><Name>A").is_none());
    }
}
