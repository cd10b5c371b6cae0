//! Schemas of platform events, as Avro. A type has the fields that its events have had so far, or that an
//! example has given it; each change of it is a schema with an id of its own, and old ones stay known.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::state::objects::Fields;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldType {
    Text,
    Number,
    Checkbox,
}

/// One schema of one type.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) id: String,
    /// Avro in JSON.
    pub(crate) json: String,
    /// The fields beyond `CreatedDate` and `CreatedById`, in the order of the schema.
    pub(crate) fields: Vec<(String, FieldType)>,
}

#[derive(Default)]
pub(crate) struct Schemas {
    current: BTreeMap<String, Arc<Schema>>,
    by_id: HashMap<String, Arc<Schema>>,
}

impl Schemas {
    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<Schema>> {
        self.by_id.get(id)
    }

    /// The schema that a type has now.
    pub(crate) fn current(&mut self, name: &str) -> Arc<Schema> {
        self.grown(name, &Fields::new())
    }

    /// The schema of a type once it has these fields too.
    pub(crate) fn grown(&mut self, name: &str, example: &Fields) -> Arc<Schema> {
        let known = self.current.get(name);
        let mut fields: Vec<_> = known.map(|schema| schema.fields.clone()).unwrap_or_default();
        for (field, value) in example {
            let Some(holds) = FieldType::of(value) else { continue };
            match fields.iter_mut().find(|(known, _)| known == field) {
                None => fields.push((field.clone(), holds)),
                // Anything can be written as text.
                Some((_, known)) if *known != holds => *known = FieldType::Text,
                Some(_) => {}
            }
        }
        if let Some(known) = known
            && known.fields == fields
        {
            return Arc::clone(known);
        }
        let schema = Arc::new(Schema::new(name, fields));
        self.by_id.insert(schema.id.clone(), Arc::clone(&schema));
        self.current.insert(name.to_owned(), Arc::clone(&schema));
        schema
    }
}

impl Schema {
    fn new(name: &str, fields: Vec<(String, FieldType)>) -> Self {
        let mut listed = vec![
            json!({"name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime"}),
            json!({"name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId"}),
        ];
        listed.extend(fields.iter().map(
            |(name, holds)| json!({"name": name, "type": ["null", holds.avro()], "doc": holds.doc(), "default": null}),
        ));
        let json =
            json!({"name": name, "namespace": "com.sforce.eventbus", "type": "record", "fields": listed}).to_string();
        let id = URL_SAFE_NO_PAD.encode(&Sha256::digest(&json)[..16]);
        Self { id, json, fields }
    }
}

impl FieldType {
    /// What a value asks for; `None` for null, which fits everything.
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(_) => Some(Self::Checkbox),
            Value::Number(_) => Some(Self::Number),
            Value::String(_) | Value::Array(_) | Value::Object(_) => Some(Self::Text),
        }
    }

    fn avro(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "double",
            Self::Checkbox => "boolean",
        }
    }

    fn doc(self) -> &'static str {
        match self {
            Self::Text => "Data:Text",
            Self::Number => "Data:Double",
            Self::Checkbox => "Data:Boolean",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(of: Value) -> Fields {
        of.as_object().unwrap().clone()
    }

    #[test]
    fn a_type_grows_by_what_is_published_and_old_schemas_stay_known() {
        let mut schemas = Schemas::default();
        let empty = schemas.current("Order__e");
        let grown = schemas.grown("Order__e", &fields(json!({"Number__c": "1", "Amount__c": 2.5, "Paid__c": null})));
        assert_eq!(
            grown.fields,
            [("Amount__c".to_owned(), FieldType::Number), ("Number__c".to_owned(), FieldType::Text)]
        );
        assert_ne!(empty.id, grown.id);
        assert_eq!(grown.id.len(), 22);
        assert_eq!(schemas.by_id(&empty.id).unwrap().json, empty.json);
        assert_eq!(schemas.grown("Order__e", &fields(json!({"Amount__c": 1}))).id, grown.id);
        let wider = schemas.grown("Order__e", &fields(json!({"Amount__c": "many"})));
        assert_eq!(wider.fields[0].1, FieldType::Text);
        assert_ne!(schemas.current("Other__e").id, empty.id);
    }
}
