//! The operations on records.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fault::Fault;
use super::{Operation, Outcome, sobject};
use crate::clock::timestamp;
use crate::rest::soql::Query;
use crate::state::World;
use crate::state::objects::{Cursor, Fields, key_prefix};
use crate::state::records::RowError;
use crate::xml::{self, Element};

/// Most records of a create, update, upsert or delete.
const BATCH: usize = 200;
/// Salesforce's bounds on the size of a page, and its default.
const PAGE: (usize, usize, usize) = (200, 2_000, 500);

impl Operation<'_> {
    /// `None` for an operation of another kind.
    pub(super) fn records(&self, name: &str) -> Option<Outcome> {
        Some(match name {
            "query" | "queryAll" => self.query(),
            "queryMore" => self.query_more(),
            "create" => self.each_record(|world, object, fields| {
                let id = world.create_record(&self.user, object, fields)?;
                Ok(json!({"id": id, "success": true}))
            }),
            "update" => self.each_record(|world, object, mut fields| {
                let id = taken_id(&mut fields)?;
                world.update_record(self.org_id, object, &id, fields)?;
                Ok(json!({"id": id, "success": true}))
            }),
            "upsert" => self.upsert(),
            "delete" => self.each("ids", |world, id| {
                world.delete_record(self.org_id, id.text.trim())?;
                Ok(json!({"id": id.text.trim(), "success": true}))
            }),
            "emptyRecycleBin" => self.each("ids", |world, id| {
                let purged = world.org_mut(self.org_id).objects.purge(id.text.trim());
                Ok(json!({"id": id.text.trim(), "success": purged}))
            }),
            "retrieve" => self.retrieve(),
            "getUpdated" => Ok(self.updated()),
            "getDeleted" => Ok(self.deleted()),
            "describeGlobal" => self.describe_global(),
            "describeSObject" | "describeSObjects" => self.describe_objects(),
            "describeTabs" => self.describe_tabs(),
            _ => return None,
        })
    }

    fn query(&self) -> Outcome {
        let soql = self.asked().text_of("queryString").unwrap_or_default();
        let query = Query::parse(soql)
            .map_err(|problem| Fault::new("MALFORMED_QUERY", &problem).of_type("MalformedQueryFault"))?;
        if key_prefix(&query.object).is_none() {
            let message = format!("sObject type '{}' is not supported.", query.object);
            return Err(Fault::new("INVALID_TYPE", &message).of_type("InvalidSObjectFault"));
        }
        let mut world = self.call.shared.world();
        let rows = world.rows(self.org_id, &query, &format!("v{}", self.version));
        if query.fields.is_empty() {
            let result = json!({"done": true, "queryLocator": null, "size": rows.len()});
            return Ok(typed_result(&xml::members_of(&result)));
        }
        let cursor = Arc::new(Cursor { rows, page_size: self.page_size() });
        let locator = (cursor.rows.len() > cursor.page_size).then(|| {
            let id = world.ids.next("01g");
            world.org_mut(self.org_id).objects.cursors.insert(id.clone(), Arc::clone(&cursor));
            id
        });
        Ok(self.page(&cursor, locator.as_deref(), 0))
    }

    fn query_more(&self) -> Outcome {
        let locator = self.asked().text_of("queryLocator").unwrap_or_default();
        let found = locator.rsplit_once('-').and_then(|(id, offset)| {
            let world = self.call.shared.world();
            let cursor = world.org(self.org_id).objects.cursors.get(id).cloned()?;
            let offset = offset.parse().ok().filter(|offset| *offset < cursor.rows.len())?;
            Some((cursor, id, offset))
        });
        let (cursor, id, offset) = found.ok_or_else(|| {
            Fault::new("INVALID_QUERY_LOCATOR", "invalid query locator").of_type("InvalidQueryLocatorFault")
        })?;
        Ok(self.page(&cursor, Some(id), offset))
    }

    fn page(&self, cursor: &Cursor, locator: Option<&str>, offset: usize) -> String {
        let end = (offset + cursor.page_size).min(cursor.rows.len());
        let done = end == cursor.rows.len();
        let next = locator.filter(|_| !done).map(|id| Value::from(format!("{id}-{end}")));
        let rows = cursor.rows[offset..end].iter().map(|row| sobject::write(self.dialect, "records", row));
        typed_result(&format!(
            "<done>{done}</done>{}{}<size>{}</size>",
            xml::element("queryLocator", &next.unwrap_or_default()),
            rows.collect::<String>(),
            cursor.rows.len(),
        ))
    }

    fn page_size(&self) -> usize {
        let options = self.envelope.header(self.dialect, "QueryOptions");
        let asked = options.and_then(|options| options.text_of("batchSize")?.parse::<usize>().ok());
        asked.map_or(PAGE.2, |size| size.clamp(PAGE.0, PAGE.1))
    }

    fn upsert(&self) -> Outcome {
        let external = self.asked().text_of("externalIDFieldName").unwrap_or("Id").to_owned();
        self.each_record(|world, object, fields| {
            let value = fields.get(&external).map(crate::state::objects::text).unwrap_or_default();
            let upserted = world.upsert_record(&self.user, object, (&external, &value), fields)?;
            Ok(json!({"created": upserted.created, "id": upserted.id, "success": true}))
        })
    }

    fn retrieve(&self) -> Outcome {
        let asked = self.asked();
        let object = asked.text_of("sObjectType").unwrap_or_default();
        let fields: Vec<&str> = asked.text_of("fieldList").unwrap_or_default().split(',').map(str::trim).collect();
        let world = self.call.shared.world();
        let shown = |id: &str| match world.record(self.org_id, object, id) {
            None => "<result xsi:nil=\"true\"/>".to_owned(),
            Some(mut record) => {
                record.retain(|name, _| fields.contains(&name.as_str()));
                record.insert("attributes".to_owned(), json!({ "type": object }));
                sobject::write(self.dialect, "result", &Value::Object(record))
            }
        };
        Ok(asked.texts_of("ids").map(shown).collect())
    }

    /// All records of an object: when they were changed is not kept.
    fn updated(&self) -> String {
        let now = timestamp(self.call.shared.now());
        let world = self.call.shared.world();
        let records = world.org(self.org_id).objects.all(self.asked().text_of("sObjectType").unwrap_or_default());
        let ids: Vec<&Value> = records.filter_map(|record| record.get("Id")).collect();
        xml::element("result", &json!({"ids": ids, "latestDateCovered": now}))
    }

    fn deleted(&self) -> String {
        let now = timestamp(self.call.shared.now());
        let world = self.call.shared.world();
        let deleted =
            world.org(self.org_id).objects.deleted_of(self.asked().text_of("sObjectType").unwrap_or_default());
        let deleted: Vec<Value> = deleted.map(|id| json!({"deletedDate": now, "id": id})).collect();
        let result = json!({"deletedRecords": deleted, "earliestDateAvailable": now, "latestDateCovered": now});
        xml::element("result", &result)
    }

    fn each_record(&self, act: impl Fn(&mut World, &str, Fields) -> Result<Value, RowError>) -> Outcome {
        self.each("sObjects", |world, element| {
            let (object, fields) = sobject::read(element).ok_or_else(|| RowError {
                code: "INVALID_TYPE",
                message: "Must send a concrete entity type.".to_owned(),
                fields: Vec::new(),
            })?;
            act(world, &object, fields)
        })
    }

    /// Does each row that the request names so; with `AllOrNoneHeader` one failure undoes them all.
    fn each(&self, name: &str, act: impl Fn(&mut World, &Element) -> Result<Value, RowError>) -> Outcome {
        let rows: Vec<&Element> = self.asked().all(name).collect();
        if rows.len() > BATCH {
            let message = format!("record limit reached. cannot submit more than {BATCH} records into this call");
            return Err(Fault::new("EXCEEDED_ID_LIMIT", &message));
        }
        let header = self.envelope.header(self.dialect, "AllOrNoneHeader");
        let all_or_none = header.is_some_and(|header| header.text_of("allOrNone") == Some("true"));
        let mut world = self.call.shared.world();
        let before = all_or_none.then(|| world.org(self.org_id).objects.clone());
        let outcomes: Vec<_> = rows.iter().map(|row| act(&mut world, row)).collect();
        let undone = before.filter(|_| outcomes.iter().any(Result::is_err));
        let is_undone = undone.is_some();
        if let Some(before) = undone {
            world.org_mut(self.org_id).objects = before;
        }
        let shown = |outcome: Result<Value, RowError>| match outcome {
            Ok(_) if is_undone => failure(
                "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "Record rolled back because not all records were valid and the request was using AllOrNone header",
            ),
            Ok(result) => result,
            Err(error) => failure(error.code, &error.message),
        };
        Ok(outcomes.into_iter().map(|outcome| xml::element("result", &shown(outcome))).collect())
    }
}

fn failure(code: &str, message: &str) -> Value {
    json!({"errors": {"message": message, "statusCode": code}, "id": null, "success": false})
}

fn typed_result(content: &str) -> String {
    format!("<result xsi:type=\"QueryResult\">{content}</result>")
}

fn taken_id(fields: &mut Fields) -> Result<String, RowError> {
    let id = fields.remove("Id").and_then(|id| id.as_str().map(str::to_owned)).filter(|id| !id.is_empty());
    id.ok_or_else(|| RowError {
        code: "MISSING_ARGUMENT",
        message: "Id not specified in an update call".to_owned(),
        fields: Vec::new(),
    })
}
