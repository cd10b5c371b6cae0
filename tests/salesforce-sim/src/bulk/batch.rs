//! The rows of a batch in its three formats, and what an operation does with each.

use serde_json::Value;

use crate::state::World;
use crate::state::objects::{Fields, key_prefix};

/// The rows of a batch; `None` if it is not in its job's format.
pub(super) fn rows(content_type: &str, body: &[u8]) -> Option<Vec<Fields>> {
    match content_type {
        "JSON" => serde_json::from_slice(body).ok(),
        "CSV" => csv(std::str::from_utf8(body).ok()?),
        _ => xml(std::str::from_utf8(body).ok()?),
    }
}

/// Does one row: the record's id, or why it failed.
pub(super) fn process(
    world: &mut World,
    org_id: &str,
    (operation, object): (&str, &str),
    mut row: Fields,
) -> Result<String, &'static str> {
    let prefix = key_prefix(object).ok_or("INVALID_TYPE:no such object")?;
    let id = row.remove("Id").or_else(|| row.remove("id"));
    let id = id.and_then(|id| id.as_str().map(str::to_owned));
    if operation == "insert" || (operation == "upsert" && id.is_none()) {
        let id = world.ids.next(prefix);
        let objects = &mut world.org_mut(org_id).objects;
        objects.insert(object, &id, row);
        return Ok(id);
    }
    let id = id.ok_or("MISSING_ARGUMENT:Id not specified")?;
    let objects = &mut world.org_mut(org_id).objects;
    let done = match operation {
        "delete" | "hardDelete" => objects.remove(object, &id),
        _ => objects.get_mut(object, &id).is_some_and(|record| {
            record.append(&mut row);
            true
        }),
    };
    if done { Ok(id) } else { Err("ENTITY_IS_DELETED:entity is deleted") }
}

fn csv(text: &str) -> Option<Vec<Fields>> {
    let mut lines = csv_lines(text)?.into_iter();
    let names = lines.next()?;
    let row = |cells: Vec<String>| {
        (cells.len() == names.len()).then(|| {
            let values = cells.into_iter().map(Value::from);
            names.iter().cloned().zip(values).collect()
        })
    };
    lines.map(row).collect()
}

/// The cells of each line: quotes may hold commas, line ends and doubled quotes.
fn csv_lines(text: &str) -> Option<Vec<Vec<String>>> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => line.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            other => cell.push(other),
        }
    }
    if !line.is_empty() || !cell.is_empty() {
        line.push(cell);
        lines.push(line);
    }
    (!quoted).then_some(lines)
}

/// `<sObjects><sObject><Name>x</Name></sObject></sObjects>`, without attributes or nesting.
fn xml(text: &str) -> Option<Vec<Fields>> {
    let mut rows = Vec::new();
    for record in text.split("<sObject>").skip(1) {
        let (mut rest, _) = record.split_once("</sObject>")?;
        let mut fields = Fields::new();
        while let Some((_, open)) = rest.split_once('<') {
            let (name, after) = open.split_once('>')?;
            let (value, after) = after.split_once(&format!("</{name}>"))?;
            fields.insert(name.to_owned(), Value::from(value));
            rest = after;
        }
        rows.push(fields);
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_formats_hold_the_same_rows() {
        let expected = vec![serde_json::json!({"Name": "Acme", "Phone": "1"}).as_object().cloned().unwrap()];
        let csv = "Name,\"Phone\"\r\n\"Acme\",1\r\n";
        let xml = "<sObjects><sObject><Name>Acme</Name><Phone>1</Phone></sObject></sObjects>";
        let json = r#"[{"Name":"Acme","Phone":"1"}]"#;
        assert_eq!(rows("CSV", csv.as_bytes()).unwrap(), expected);
        assert_eq!(rows("XML", xml.as_bytes()).unwrap(), expected);
        assert_eq!(rows("JSON", json.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_batch_that_is_cut_short_is_no_batch() {
        assert!(rows("CSV", b"Name\n\"Ac").is_none());
        assert!(rows("CSV", b"Name,Phone\nAcme\n").is_none());
        assert!(rows("JSON", b"[{").is_none());
        assert!(rows("XML", b"<sObjects><sObject><Name>A").is_none());
    }
}
