//! `docs/configuration.md` lists what is read.

use super::*;

const DOCUMENT: &str = include_str!("../../../docs/configuration.md");

/// The keys that the document lists, as `section.key`.
fn documented_keys() -> Vec<String> {
    let mut keys = Vec::new();
    let mut section = "";
    for line in DOCUMENT.lines() {
        if let Some(name) = line.trim_start_matches('#').strip_prefix(" `[") {
            section = name.trim_end_matches("]`");
        } else if let Some(key) = line.strip_prefix("| `") {
            let key = key.split('`').next().unwrap();
            // Forms of a URL have a table of their own.
            if !key.contains("://") {
                keys.push(format!("{section}.{key}"));
            }
        }
    }
    keys.sort();
    keys
}

/// The keys that the sections know: what each says when it meets one that it does not.
fn known_keys(folder: &TempDir) -> Vec<String> {
    let sections = SECTIONS.map(|section| if section == "apps" { "apps.NAME" } else { section });
    let mut keys = Vec::new();
    for section in sections.into_iter().chain(["hub.webhooks.NAME", "proxy.logins.NAME", "proxy.applink.NAME"]) {
        let faults = faults(folder, &format!("[{section}]\nnot_a_key = 1"));
        let fault = faults.iter().find(|fault| fault.key == format!("{section}.not_a_key")).unwrap();
        let known = fault.message.rsplit("known here: ").next().unwrap();
        keys.extend(known.split(", ").map(|key| format!("{section}.{key}")));
    }
    // Sections of their own in the document.
    keys.retain(|key| !["hub.webhooks", "proxy.logins", "proxy.applink"].contains(&key.as_str()));
    keys.sort();
    keys
}

#[test]
fn the_document_lists_exactly_the_keys_that_are_read() {
    assert_eq!(documented_keys(), known_keys(&folder()));
}

/// The defaults that the document gives as values, as lines of TOML by section; others it gives in words.
fn documented_defaults() -> BTreeMap<&'static str, Vec<String>> {
    let mut defaults: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut section = "";
    for line in DOCUMENT.lines() {
        if let Some(name) = line.trim_start_matches('#').strip_prefix(" `[") {
            section = name.trim_end_matches("]`");
        }
        let cells: Vec<&str> = line.split(" | ").collect();
        let value =
            |cell: &&'static str| cell.strip_prefix('`')?.strip_suffix('`').filter(|value| !value.contains('`'));
        if let (Some(key), Some(default)) =
            (cells[0].strip_prefix("| ").as_ref().and_then(value), cells.get(1).and_then(value))
        {
            let is_bare = default.parse::<u64>().is_ok() || matches!(default, "true" | "false" | "[]");
            let default = if is_bare { default.to_owned() } else { format!("\"{default}\"") };
            defaults.entry(section).or_default().push(format!("{key} = {default}"));
        }
    }
    defaults
}

#[test]
fn writing_every_documented_default_out_changes_nothing() {
    let folder = folder();
    let needed = |section: &str| match section {
        "apps.NAME" => "[apps.default]\nclient_id = \"c\"\n".to_owned(),
        section => format!("[{section}]\n"),
    };
    let defaults = documented_defaults();
    assert!(defaults.values().map(Vec::len).sum::<usize>() > 40, "{defaults:?}");
    for (section, lines) in &defaults {
        let without = format!("{KEYS}{}", needed(section));
        let read = |text: &str| format!("{:?}", Config::from_toml(text, folder.path()).unwrap());
        for line in lines {
            // Known to nobody unless the operator says so; until then two hours are assumed.
            if line.starts_with("session_time") {
                continue;
            }
            let with = format!("{without}{line}\n");
            assert_eq!(read(&with), read(&without), "[{section}] {line}");
        }
    }
}

#[test]
fn the_examples_of_the_document_are_valid() {
    let folder = folder();
    for name in ["client-secret", "redis-password"] {
        write(&folder, name, "secret\n", 0o600);
    }
    let blocks = DOCUMENT.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let examples: Vec<_> = blocks.filter(|block| block.contains("[vault]")).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        Config::from_toml(example, folder.path()).unwrap_or_else(|faults| panic!("{example}\n{faults}"));
    }
}
