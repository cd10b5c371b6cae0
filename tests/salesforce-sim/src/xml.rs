//! XML as the older APIs speak it: documents are read into [`Element`]s, and answers are written from JSON values, whose
//! members come in alphabetical order as Salesforce's schemas have them.

mod element;

use serde_json::Value;

pub(crate) use element::Element;

/// A member of this name is no element but the `xsi:type` of the one that it is in.
pub(crate) const TYPE: &str = "@type";
/// What every document begins with.
pub(crate) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// Text as the content of an element or attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An element with text in it.
pub(crate) fn leaf(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

/// A value as an element: a list is one element for each of its members, and null is `xsi:nil`.
pub(crate) fn element(name: &str, value: &Value) -> String {
    match value {
        Value::Null => format!("<{name} xsi:nil=\"true\"/>"),
        Value::Array(list) => list.iter().map(|value| element(name, value)).collect(),
        Value::Object(members) => {
            let kind = members.get(TYPE).and_then(Value::as_str);
            let kind = kind.map(|kind| format!(" xsi:type=\"{}\"", escape(kind))).unwrap_or_default();
            format!("<{name}{kind}>{}</{name}>", members_of(value))
        }
        Value::String(text) => leaf(name, text),
        other => leaf(name, &other.to_string()),
    }
}

/// The members of an object, each as an element.
pub(crate) fn members_of(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    members.filter(|(name, _)| *name != TYPE).map(|(name, value)| element(name, value)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_becomes_elements() {
        let value = json!({"@type": "Thing", "done": true, "ids": ["1", "<2>"], "locator": null});
        assert_eq!(
            element("result", &value),
            "<result xsi:type=\"Thing\"><done>true</done><ids>1</ids><ids>&lt;2&gt;</ids><locator xsi:nil=\"true\"/></result>"
        );
    }
}
