//! The figures as Markdown: tables for the terminal, and the page that wraps
//! them. Pure functions of what was measured.

use std::fmt::Write;

use crate::machine::Facts;
use crate::measure::{CONNECTIONS, Figures, Measured, ROUNDS, SLICE};
use crate::proxies::Peer;
use crate::upstream::{LIMITS, PATH};

/// A figure of a table: its heading, its decimals, and where it comes from.
struct Column {
    heading: &'static str,
    decimals: usize,
    values: fn(&Figures) -> &[f64],
}

const COLUMNS: [Column; 4] = [
    Column { heading: "CPU µs a request", decimals: 1, values: |figures| &figures.cpu_us },
    Column { heading: "requests a second", decimals: 0, values: |figures| &figures.per_second },
    Column { heading: "p50 µs", decimals: 0, values: |figures| &figures.p50_us },
    Column { heading: "p99 µs", decimals: 0, values: |figures| &figures.p99_us },
];

/// One table for each number of connections and one for memory.
pub(crate) fn tables(run: &[Measured]) -> String {
    let mut text = String::new();
    for (index, connections) in CONNECTIONS.into_iter().enumerate() {
        let plural = if connections == 1 { "" } else { "s" };
        line(&mut text, &format!("### {connections} connection{plural}\n"));
        let headings = COLUMNS.iter().map(|column| column.heading);
        header(&mut text, headings.chain(["CPU x nginx, lowest to highest round"]));
        for part in run {
            let figures = &part.figures[index];
            let mut cells: Vec<String> = COLUMNS
                .iter()
                .map(|column| {
                    let of = |peer| Some((column.values)(&find(run, peer)?.figures[index]));
                    cell((column.values)(figures), of(Peer::Nginx), of(Peer::Relay), column.decimals)
                })
                .collect();
            let nginx = find(run, Peer::Nginx).map(|nginx| &nginx.figures[index].cpu_us);
            cells.push(nginx.map_or("-".to_owned(), |nginx| range(&figures.cpu_us, nginx)));
            row(&mut text, part.peer, &cells);
        }
        text.push('\n');
    }
    memory(&mut text, run);
    text
}

fn memory(text: &mut String, run: &[Measured]) {
    line(text, "### Resident memory\n");
    header(text, ["idle, MiB", "after the load, MiB"]);
    let columns: [fn(&Measured) -> u64; 2] = [|part| part.idle_kib, |part| part.after_kib];
    for part in run {
        let cells = columns.map(|kib| {
            let mib = |part: &Measured| [kib(part) as f64 / 1024.0];
            let of = |peer| find(run, peer).map(mib);
            let (nginx, relay) = (of(Peer::Nginx), of(Peer::Relay));
            cell(&mib(part), nginx.as_ref().map(|m| &m[..]), relay.as_ref().map(|m| &m[..]), 1)
        });
        row(text, part.peer, &cells);
    }
}

/// The whole of `docs/performance.md`.
pub(crate) fn page(run: &[Measured], facts: &Facts, seconds: u32) -> String {
    let versions: Vec<String> = facts.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    include_str!("../config/page.md")
        .replace("{{ROUNDS}}", &ROUNDS.to_string())
        .replace("{{TABLES}}", &format!("{}\n", tables(run).trim_end()))
        .replace("{{PATH}}", PATH)
        .replace("{{BYTES}}", &LIMITS.len().to_string())
        .replace("{{SLICE}}", &SLICE.as_millis().to_string())
        .replace("{{SHARE}}", &format!("{:.1}", f64::from(seconds) / f64::from(ROUNDS)))
        .replace("{{CORES}}", &facts.cores.to_string())
        .replace("{{PROCESSOR}}", &facts.processor)
        .replace("{{SYSTEM}}", &facts.system)
        .replace("{{LOAD}}", &facts.load)
        .replace("{{VERSIONS}}", &versions.join(", "))
}

fn find(run: &[Measured], peer: Peer) -> Option<&Measured> {
    run.iter().find(|part| part.peer == peer)
}

/// `25.1 (1.00, 1.53)`: the median, times nginx, times the relay.
fn cell(values: &[f64], nginx: Option<&[f64]>, relay: Option<&[f64]>, decimals: usize) -> String {
    let times =
        |base: Option<&[f64]>| base.map_or("-".to_owned(), |base| format!("{:.2}", median(&ratios(values, base))));
    format!("{:.decimals$} ({}, {})", median(values), times(nginx), times(relay))
}

fn range(values: &[f64], base: &[f64]) -> String {
    let ratios = ratios(values, base);
    let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = ratios.iter().copied().fold(0.0, f64::max);
    format!("{lowest:.2} to {highest:.2}")
}

fn ratios(values: &[f64], base: &[f64]) -> Vec<f64> {
    values.iter().zip(base).map(|(value, base)| value / base).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

fn header<'a>(text: &mut String, headings: impl IntoIterator<Item = &'a str>) {
    let headings: Vec<&str> = headings.into_iter().collect();
    line(text, &format!("| | {} |", headings.join(" | ")));
    line(text, &format!("|---|{}", "---:|".repeat(headings.len())));
}

fn row(text: &mut String, peer: Peer, cells: &[String]) {
    line(text, &format!("| {peer} | {} |", cells.join(" | ")));
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(peer: Peer, cpu_us: [f64; 3], idle_kib: u64) -> Measured {
        let figures = || Figures {
            cpu_us: cpu_us.to_vec(),
            per_second: vec![1000.0; 3],
            p50_us: vec![100.0; 3],
            p99_us: vec![200.0; 3],
        };
        Measured { peer, idle_kib, after_kib: 2 * idle_kib, figures: CONNECTIONS.map(|_| figures()).into() }
    }

    #[test]
    fn ratios_compare_each_round_with_the_same_round_of_the_base() {
        let run = [measured(Peer::Nginx, [10.0, 20.0, 40.0], 8192), measured(Peer::Relay, [5.0, 10.0, 20.0], 4096)];
        let text = tables(&run);
        assert!(text.contains("| nginx | 20.0 (1.00, 2.00) |"), "{text}");
        assert!(text.contains("| relay | 10.0 (0.50, 1.00) |"), "{text}");
        assert!(text.contains("| nginx | 8.0 (1.00, 2.00) | 16.0 (1.00, 2.00) |"), "{text}");
    }

    #[test]
    fn a_ratio_to_a_proxy_that_did_not_run_is_left_out() {
        let text = tables(&[measured(Peer::Envoy, [3.0, 1.0, 2.0], 1024)]);
        assert!(text.contains("| Envoy | 2.0 (-, -) |"), "{text}");
    }

    #[test]
    fn the_page_fills_every_placeholder() {
        let facts = Facts {
            cores: 2,
            processor: "a processor".into(),
            system: "a system".into(),
            load: "0.10".into(),
            versions: vec![("nginx", "1.22.1".into())],
        };
        let page = page(&[measured(Peer::Nginx, [1.0; 3], 1024)], &facts, 15);
        assert!(!page.contains("{{"), "{page}");
        assert!(page.contains("whole rounds of 3.0 s"), "{page}");
    }
}
