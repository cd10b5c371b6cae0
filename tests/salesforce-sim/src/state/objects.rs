//! An org's records and the cursors of queries under way.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

/// A record's fields, without `attributes`.
pub(crate) type Fields = Map<String, Value>;

#[derive(Clone, Default)]
pub(crate) struct Objects {
    by_name: BTreeMap<String, BTreeMap<String, Fields>>,
    /// The objects of records in the recycle bin, by id.
    deleted: BTreeMap<String, String>,
    /// The contents of files by ContentVersion id.
    pub(crate) files: HashMap<String, Bytes>,
    /// Query results that are being read page by page, by locator.
    pub(crate) cursors: HashMap<String, Arc<Cursor>>,
}

/// A query's result, read in pages of one size.
pub(crate) struct Cursor {
    pub(crate) rows: Vec<Value>,
    pub(crate) page_size: usize,
}

impl Objects {
    pub(crate) fn insert(&mut self, object: &str, id: &str, mut fields: Fields) {
        fields.insert("Id".to_owned(), Value::from(id));
        let records = self.by_name.entry(object.to_owned()).or_default();
        records.insert(id.to_owned(), fields);
    }

    pub(crate) fn get(&self, object: &str, id: &str) -> Option<&Fields> {
        let records = self.by_name.get(object)?;
        records.get(&whole_id(id))
    }

    pub(crate) fn get_mut(&mut self, object: &str, id: &str) -> Option<&mut Fields> {
        let records = self.by_name.get_mut(object)?;
        records.get_mut(&whole_id(id))
    }

    pub(crate) fn remove(&mut self, object: &str, id: &str) -> bool {
        let id = whole_id(id);
        let removed = self.by_name.get_mut(object).is_some_and(|records| records.remove(&id).is_some());
        if removed {
            self.files.remove(&id);
            self.deleted.insert(id, object.to_owned());
        }
        removed
    }

    /// Whether there was a record of this id.
    pub(crate) fn was_deleted(&self, id: &str) -> bool {
        self.deleted.contains_key(&whole_id(id))
    }

    /// Removes a record from the recycle bin for good. True if it was there.
    pub(crate) fn purge(&mut self, id: &str) -> bool {
        self.deleted.remove(&whole_id(id)).is_some()
    }

    /// The ids of an object's records in the recycle bin.
    pub(crate) fn deleted_of(&self, object: &str) -> impl Iterator<Item = &str> {
        self.deleted.iter().filter(move |(_, known)| *known == object).map(|(id, _)| id.as_str())
    }

    /// The object that a record belongs to.
    pub(crate) fn object_of(&self, id: &str) -> Option<String> {
        let id = whole_id(id);
        self.by_name.iter().find(|(_, records)| records.contains_key(&id)).map(|(object, _)| object.clone())
    }

    /// The objects that have records.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    pub(crate) fn all(&self, object: &str) -> impl Iterator<Item = &Fields> {
        self.by_name.get(object).into_iter().flat_map(BTreeMap::values)
    }

    /// The ids of the records whose field has this value.
    pub(crate) fn with_value(&self, object: &str, field: &str, value: &str) -> Vec<String> {
        let ids = self.by_name.get(object).into_iter().flatten();
        ids.filter(|(_, fields)| fields.get(field).is_some_and(|known| text(known) == value))
            .map(|(id, _)| id.clone())
            .collect()
    }
}

/// A field's value as an external id or a filter compares it.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn whole_id(id: &str) -> String {
    if id.len() == 15 && id.is_ascii() { crate::ids::with_checksum(id) } else { id.to_owned() }
}

/// The three characters that ids of an object begin with; `None` for an object that no org has.
pub(crate) fn key_prefix(object: &str) -> Option<&'static str> {
    Some(match object {
        "Account" => "001",
        "Contact" => "003",
        "Opportunity" => "006",
        "Lead" => "00Q",
        "Case" => "500",
        "Task" => "00T",
        "User" => "005",
        "Organization" => "00D",
        "ContentVersion" => "068",
        "ContentDocument" => "069",
        "ContentDocumentLink" => "06A",
        "Attachment" => "00P",
        "Document" => "015",
        "Event" => "00U",
        "Campaign" => "701",
        "Product2" => "01t",
        "FeedItem" => "0D5",
        "Report" => "00O",
        "Profile" => "00e",
        "ApexClass" => "01p",
        "ApexTrigger" => "01q",
        "ApexLog" => "07L",
        "TraceFlag" => "7tf",
        "DebugLevel" => "7dl",
        custom if custom.ends_with("__c") => "a00",
        event if crate::events::is_event(event) => crate::events::KEY_PREFIX,
        // Data Cloud's own.
        object if object.ends_with("__dlm") || object.ends_with("__dll") => "a01",
        _ => return None,
    })
}
