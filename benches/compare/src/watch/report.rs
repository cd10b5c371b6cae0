//! The figures of the watch as Markdown: tables for the terminal, and the page
//! that wraps them.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::window::Window;
use super::{Measured, RATES, SIZES};
use crate::machine::Facts;

/// A row of a table: what it says, its decimals, and where it comes from.
type Row<T> = (&'static str, usize, fn(&T) -> f64);

const RAISED: [Row<Measured>; 4] = [
    ("looks a second", 0, |m| m.raised.looks / m.raised.seconds),
    ("CPU of the hub, µs a look", 0, |m| m.raised.hub * 1e6 / m.raised.looks),
    ("CPU of Redis, µs a look", 0, |m| m.raised.redis * 1e6 / m.raised.looks),
    ("resident memory of the hub, MiB", 1, |m| m.raised_kib as f64 / 1024.0),
];

const REST: [Row<Measured>; 5] = [
    ("looks a second", 2, |m| m.rest.looks / m.rest.seconds),
    ("store operations a second", 1, |m| m.rest.operations.values().sum::<f64>() / m.rest.seconds),
    ("CPU of the hub, ms a second", 2, |m| m.rest.hub * 1e3 / m.rest.seconds),
    ("CPU of Redis, ms a second", 2, |m| m.rest.redis * 1e3 / m.rest.seconds),
    ("resident memory of the hub, MiB", 1, |m| m.rest_kib as f64 / 1024.0),
];

const COUNT: [Row<Window>; 4] = [
    ("pages", 0, |count| count.operation("list")),
    ("CPU of the hub, ms", 0, |count| count.hub * 1e3),
    ("CPU of Redis, ms", 0, |count| count.redis * 1e3),
    ("seconds, pauses included", 1, |count| count.seconds),
];

/// All tables.
pub(crate) fn tables(measured: &[Measured; 2]) -> String {
    let mut text = String::new();
    heading(&mut text, "Store operations a look", "at the raised rate");
    for name in operations(measured) {
        let [few, many] = measured.each_ref().map(|m| a_look(&m.raised, &name));
        row(&mut text, &format!("`{name}`"), few, many, 3);
    }
    heading(&mut text, "At the raised rate", "");
    rows(&mut text, measured.each_ref(), &RAISED);
    heading(&mut text, "At rest", "");
    rows(&mut text, measured.each_ref(), &REST);
    heading(&mut text, "A count that finds nothing amiss", "");
    rows(&mut text, measured.each_ref().map(|m| &m.next_count), &COUNT);
    heading(&mut text, "A count that finds nothing scheduled", "");
    rows(&mut text, measured.each_ref().map(|m| &m.first_count), &COUNT);
    text
}

/// The whole of `docs/watching.md`; `build` says where the program comes from.
pub(crate) fn page(measured: &[Measured; 2], facts: &Facts, build: &str, seconds: u64) -> String {
    let versions: Vec<String> = facts.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    include_str!("../../config/watching.md")
        .replace("{{TABLES}}", tables(measured).trim())
        .replace("{{BUILD}}", build)
        .replace("{{FEW}}", &grouped(SIZES[0]))
        .replace("{{MANY}}", &grouped(SIZES[1]))
        .replace("{{RATE}}", &RATES[0].to_string())
        .replace("{{RAISED}}", &RATES[1].to_string())
        .replace("{{SECONDS}}", &seconds.to_string())
        .replace("{{CORES}}", &facts.cores.to_string())
        .replace("{{PROCESSOR}}", &facts.processor)
        .replace("{{SYSTEM}}", &facts.system)
        .replace("{{LOAD}}", &facts.load)
        .replace("{{VERSIONS}}", &versions.join(", "))
}

/// Those that there were, and listing in any case: that there was none is the point.
fn operations(measured: &[Measured; 2]) -> BTreeSet<String> {
    let there = measured.iter().flat_map(|m| m.raised.operations.keys().cloned());
    there.chain(["list".to_owned()]).collect()
}

fn a_look(window: &Window, operation: &str) -> f64 {
    window.operation(operation) / window.looks
}

fn heading(text: &mut String, title: &str, of: &str) {
    let [few, many] = SIZES.map(grouped);
    let line =
        format!("\n### {title}\n\n| {of} | {few} connections | {many} connections | times |\n|---|---:|---:|---:|\n");
    text.push_str(&line);
}

fn rows<T>(text: &mut String, sizes: [&T; 2], rows: &[Row<T>]) {
    for (name, decimals, of) in rows {
        let [few, many] = sizes.map(of);
        row(text, name, few, many, *decimals);
    }
}

fn row(text: &mut String, name: &str, few: f64, many: f64, decimals: usize) {
    let times = if few > 0.0 { format!("{:.2}", many / few) } else { "-".to_owned() };
    writeln!(text, "| {name} | {few:.decimals$} | {many:.decimals$} | {times} |").expect("text takes all");
}

/// `100,000`.
fn grouped(number: usize) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", grouped(number / 1000), number % 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(looks: f64) -> Measured {
        let operations = [("read".to_owned(), 2.0 * looks)].into();
        let window = Window { seconds: 10.0, hub: 1.0, redis: 0.5, looks, alive: looks, operations };
        let (first_count, next_count, rest) = (window.clone(), window.clone(), window.clone());
        Measured { first_count, next_count, rest, raised: window, rest_kib: 2048, raised_kib: 4096 }
    }

    #[test]
    fn operations_are_divided_by_looks_and_a_listing_is_named_though_there_is_none() {
        let text = tables(&[measured(100.0), measured(200.0)]);
        assert!(text.contains("| `read` | 2.000 | 2.000 | 1.00 |"), "{text}");
        assert!(text.contains("| `list` | 0.000 | 0.000 | - |"), "{text}");
        assert!(text.contains("| CPU of the hub, µs a look | 10000 | 5000 | 0.50 |"), "{text}");
        assert!(text.contains("1,000 connections | 100,000 connections"), "{text}");
    }

    #[test]
    fn the_page_fills_every_placeholder() {
        let facts = Facts {
            cores: 2,
            processor: "a processor".into(),
            system: "a system".into(),
            load: "0.10".into(),
            versions: vec![("Redis", "7.0".into())],
        };
        let page = page(&[measured(1.0), measured(1.0)], &facts, "built", 20);
        assert!(!page.contains("{{"), "{page}");
    }
}
