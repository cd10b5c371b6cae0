//! The environment over the file: `ORGPASS_SECTION__KEY`. Names without `__` after a known section are left alone,
//! since Kubernetes injects `ORGPASS_PORT` and the like for a service of this name; what looks as if it was meant for the
//! configuration is told.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::settings::{Fault, nearest};

/// What the environment has brought.
pub(super) struct Overlay {
    /// Which key came from which variable.
    pub(super) origins: BTreeMap<String, String>,
    /// Variables that are not read, but were probably meant to be.
    pub(super) misspelt: Vec<Fault>,
}

/// Puts the variables over the table.
pub(super) fn overlay(table: &mut Table, env: &BTreeMap<String, String>, sections: &[&str]) -> Overlay {
    let (mut origins, mut misspelt) = (BTreeMap::new(), Vec::new());
    for (variable, value) in env {
        let Some(rest) = variable.strip_prefix("ORGPASS_") else { continue };
        let rest = rest.to_ascii_lowercase();
        let parts: Vec<&str> = rest.split("__").collect();
        match parts.as_slice() {
            [section, middle @ .., key] if sections.contains(section) => {
                if let Some(path) = set(table, std::iter::once(section).chain(middle), key, value) {
                    origins.insert(path, variable.clone());
                }
            }
            _ => misspelt.extend(meant(&rest, sections).map(|meant| {
                let message = format!("is not read; did you mean ORGPASS_{}?", meant.to_ascii_uppercase());
                Fault { key: variable.clone(), message }
            })),
        }
    }
    Overlay { origins, misspelt }
}

/// What was probably meant by a name that is not read: `__` in place of `_`, or another section.
fn meant(rest: &str, sections: &[&str]) -> Option<String> {
    if is_of_a_service(rest) {
        return None;
    }
    match rest.split_once("__") {
        Some((section, key)) => nearest(section, sections).map(|section| format!("{section}__{key}")),
        None => sections.iter().find_map(|section| {
            let key = rest.strip_prefix(section)?.strip_prefix('_')?;
            Some(format!("{section}__{key}"))
        }),
    }
}

/// Whether Kubernetes injects such a name for a service called `orgpass` or `orgpass-...`.
fn is_of_a_service(rest: &str) -> bool {
    rest.contains("service_host") || rest.split('_').any(|part| part == "port")
}

/// Sets a value at its place. A name of the file that differs only in case or `-` is the same name, since variables
/// cannot spell it. Gives nothing where the file has a plain value in place of a section: that is a fault of its own.
fn set<'a>(
    mut table: &mut Table,
    sections: impl Iterator<Item = &'a &'a str>,
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
