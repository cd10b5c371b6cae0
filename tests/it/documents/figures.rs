//! The figures that pages quote are those that were measured: `docs/performance.md` is written by the comparison.

/// How far a quoted figure may be from the measured one, as a part of it: it is rounded, and measured anew more often than
/// it is quoted.
const NEAR: f64 = 0.1;

/// What stands in a cell before the ratios.
fn first(cell: &str) -> f64 {
    cell.trim().split(' ').next().unwrap().parse().unwrap()
}

/// The first figure of a proxy in the table below a heading.
fn measured(heading: &str, proxy: &str) -> f64 {
    let (_, section) = include_str!("../../../docs/performance.md").split_once(heading).expect("the heading");
    let row = section.lines().find_map(|line| line.strip_prefix(&format!("| {proxy} |"))).expect("the proxy's row");
    first(row.split('|').next().unwrap())
}

/// The figure between two pieces of a page.
fn quoted(page: &str, before: &str, after: &str) -> f64 {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no page says {before:?} any more"));
    first(rest.split(after).next().unwrap())
}

fn check(page: &str, quotes: &[(&str, &str, f64)]) {
    for (before, after, measured) in quotes {
        let quoted = quoted(page, before, after);
        assert!((quoted - measured).abs() <= NEAR * measured, "{before}{quoted}{after}, but {measured} was measured");
    }
}

#[test]
fn the_readme_quotes_what_was_measured() {
    let readme = include_str!("../../../README.md");
    check(
        readme,
        &[
            ("A call takes ", " µs", measured("### 64 connections", "Orgpass")),
            ("where nginx takes ", " µs", measured("### 64 connections", "nginx")),
            ("the process at rest has ", " MiB", measured("### Resident memory", "Orgpass")),
        ],
    );
    let rows = include_str!("../../../docs/clients.md").lines().filter_map(|line| line.strip_prefix("| `"));
    let has_version =
        |row: &&str| row.split("| ").nth(1).is_some_and(|cell| cell.starts_with(|c: char| c.is_ascii_digit()));
    let clients = rows.filter(has_version).count();
    assert!(readme.contains("by [fourteen clients](docs/clients.md)") && clients == 14, "{clients} clients are tested");
}

#[test]
fn the_page_on_sizing_quotes_what_was_measured() {
    check(
        include_str!("../../../docs/sizing.md"),
        &[
            ("**Processor**: ", " µs a request", measured("### 64 connections", "Orgpass")),
            ("many connections, ", " µs with one", measured("### 1 connection\n", "Orgpass")),
        ],
    );
}

#[test]
#[should_panic(expected = "was measured")]
fn a_figure_that_is_out_of_date_is_found() {
    check("A call takes 26 µs of processor time", &[("A call takes ", " µs", 21.4)]);
}
