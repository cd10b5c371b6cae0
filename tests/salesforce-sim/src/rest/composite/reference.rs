//! `@{name.path}`: what one request of a composite uses of the answer to another.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::state::objects::text;

/// The bodies of the answers so far, by their names.
#[derive(Default)]
pub(super) struct References(BTreeMap<String, Value>);

impl References {
    pub(super) fn note(&mut self, name: &str, body: &Value) {
        self.0.insert(name.to_owned(), body.clone());
    }

    /// A value with all references in its texts resolved, or what is wrong with one.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => self.in_text(text)?,
            Value::Array(list) => Value::Array(list.iter().map(|value| self.resolve(value)).collect::<Result<_, _>>()?),
            Value::Object(members) => {
                let resolved = members.iter().map(|(name, value)| Ok((name.clone(), self.resolve(value)?)));
                Value::Object(resolved.collect::<Result<Map<_, _>, String>>()?)
            }
            other => other.clone(),
        })
    }

    /// A text that is one reference and nothing else becomes the value itself.
    fn in_text(&self, whole: &str) -> Result<Value, String> {
        let mut resolved = String::new();
        let mut rest = whole;
        while let Some((before, after)) = rest.split_once("@{") {
            let (reference, after) =
                after.split_once('}').ok_or_else(|| format!("unterminated reference in {whole}"))?;
            let value = self.value(reference)?;
            if before.is_empty() && after.is_empty() && resolved.is_empty() {
                return Ok(value.clone());
            }
            resolved.push_str(before);
            resolved.push_str(&text(value));
            rest = after;
        }
        resolved.push_str(rest);
        Ok(Value::String(resolved))
    }

    fn value(&self, reference: &str) -> Result<&Value, String> {
        // `name.records[0].Id` is `/records/0/Id` of the answer called `name`.
        let pointer = reference.replace(']', "").replace(['.', '['], "/");
        let (name, path) = pointer.split_once('/').unwrap_or((&pointer, ""));
        let body = self.0.get(name);
        let found = body.and_then(|body| if path.is_empty() { Some(body) } else { body.pointer(&format!("/{path}")) });
        found.ok_or_else(|| format!("Invalid reference specified. No value for {reference} found"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_resolved_wherever_they_are() {
        let mut references = References::default();
        references.note("a", &json!({"id": "001", "records": [{"Id": 7}]}));
        let asked = json!({"url": "/x/@{a.id}/y", "body": {"n": "@{a.records[0].Id}", "list": ["@{a.id}@{a.id}", 1]}});
        let resolved = json!({"url": "/x/001/y", "body": {"n": 7, "list": ["001001", 1]}});
        assert_eq!(references.resolve(&asked).unwrap(), resolved);
        for wrong in ["@{b.id}", "@{a.other}", "@{a.id"] {
            assert!(references.resolve(&json!(wrong)).is_err(), "{wrong}");
        }
    }
}
