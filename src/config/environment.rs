//! The environment over the file: `ORGPASS_SECTION__KEY`. Names without `__` after a known section are left alone,
//! since Kubernetes injects `ORGPASS_PORT` and the like for a service of this name.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// Puts the variables over the table. Returns which key came from which variable.
pub(super) fn overlay(
    table: &mut Table,
    env: &BTreeMap<String, String>,
    sections: &[&str],
) -> BTreeMap<String, String> {
    let mut origins = BTreeMap::new();
    for (variable, value) in env {
        let Some(rest) = variable.strip_prefix("ORGPASS_") else { continue };
        let parts: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        let [section, middle @ .., key] = parts.as_slice() else { continue };
        if !sections.contains(&section.as_str()) {
            continue;
        }
        if let Some(path) = set(table, std::iter::once(section).chain(middle), key, value) {
            origins.insert(path, variable.clone());
        }
    }
    origins
}

/// Sets a value at its place. A name of the file that differs only in case or `-` is the same name, since variables
/// cannot spell it. Gives nothing where the file has a plain value in place of a section: that is a fault of its own.
fn set<'a>(
    mut table: &mut Table,
    sections: impl Iterator<Item = &'a String>,
    key: &str,
    value: &str,
) -> Option<String> {
    let mut path = String::new();
    for section in sections {
        let name = spelling(table, section);
        path.push_str(&name);
        path.push('.');
        table = table.entry(name).or_insert_with(|| Value::Table(Table::new())).as_table_mut()?;
    }
    let key = spelling(table, key);
    path.push_str(&key);
    table.insert(key, Value::String(value.to_owned()));
    Some(path)
}

fn spelling(table: &Table, name: &str) -> String {
    let folded = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    table.keys().find(|known| folded(known) == name).cloned().unwrap_or_else(|| name.to_owned())
}
