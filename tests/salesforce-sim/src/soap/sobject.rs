//! Records in XML: untyped with the name of their object in the Partner API, typed by it elsewhere.

use serde_json::Value;

use super::dialect::Dialect;
use crate::state::objects::Fields;
use crate::xml::{self, Element};

/// A record as a request brings it; `None` if it does not say of which object it is.
pub(super) fn read(element: &Element) -> Option<(String, Fields)> {
    let object = element.text_of("type").map(str::to_owned);
    let object = object.or_else(|| element.kind.clone().filter(|kind| kind != "sObject"))?;
    let mut fields = Fields::new();
    for child in &element.children {
        match child.name.as_str() {
            "type" => {}
            "fieldsToNull" => drop(fields.insert(child.text.trim().to_owned(), Value::Null)),
            // A relationship that is named by another record's external id.
            _ if !child.children.is_empty() => {}
            name if child.nil => drop(fields.insert(name.to_owned(), Value::Null)),
            name => drop(fields.insert(name.to_owned(), field(child))),
        }
    }
    Some((object, fields))
}

fn field(element: &Element) -> Value {
    let text = element.text.as_str();
    match element.kind.as_deref() {
        Some("boolean") => Value::from(matches!(text.trim(), "true" | "1")),
        Some("int" | "integer" | "long" | "double" | "decimal") => {
            serde_json::from_str(text.trim()).unwrap_or_else(|_| Value::from(text))
        }
        _ => Value::from(text),
    }
}

/// A row of a query's result.
pub(super) fn write(dialect: Dialect, name: &str, row: &Value) -> String {
    let object = row["attributes"]["type"].as_str().unwrap_or("sObject");
    let id = row.get("Id").unwrap_or(&Value::Null);
    let fields = row.as_object().into_iter().flatten();
    let fields = fields.filter(|(field, _)| *field != "attributes" && *field != "Id");
    let fields: String = fields.map(|(field, value)| xml::element(&format!("sf:{field}"), value)).collect();
    match dialect {
        // The id is there twice if it was asked for, and once, empty, if not.
        Dialect::Partner => {
            let id = xml::element("sf:Id", id);
            let again = if row.get("Id").is_some() { id.as_str() } else { "" };
            format!("<{name} xsi:type=\"sf:sObject\"><sf:type>{object}</sf:type>{id}{again}{fields}</{name}>")
        }
        _ => {
            let id = if id.is_null() { String::new() } else { xml::element("sf:Id", id) };
            format!("<{name} xsi:type=\"sf:{object}\">{id}{fields}</{name}>")
        }
    }
}
