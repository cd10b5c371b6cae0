//! `docs/metrics.md` and `/metrics` say the same, both ways.

use std::collections::{BTreeMap, BTreeSet};

use salesforce_sim::{Effect, Fault};

use crate::delivering::receiver::Receiver;
use crate::delivering::{section, until_known};
use crate::world::{Options, World, eventually, series};

const LIMITS: &str = "/services/data/v67.0/limits";

/// A metric by its name: type, and labels in order.
type Known = BTreeMap<String, (String, BTreeSet<String>)>;

/// The cells of a table's rows that begin with a word in backticks.
fn rows(page: &str, width: usize) -> impl Iterator<Item = Vec<&str>> {
    page.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>())
        .filter(move |cells| cells.len() == width)
}

fn in_backticks(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn documented() -> Known {
    let page = include_str!("../../../docs/metrics.md").replace("| |", "| - |");
    let known: Known = rows(&page, 5)
        .map(|cells| {
            assert!(cells[3].ends_with('.') && cells[4].ends_with('.'), "{cells:?}");
            (cells[0].trim_matches('`').to_owned(), (cells[1].to_owned(), in_backticks(cells[2])))
        })
        .collect();
    assert!(!known.is_empty());
    known
}

fn served(text: &str) -> Known {
    let mut known = Known::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            known.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let series = series(line);
            let parts = ["_bucket", "_sum", "_count"].iter().filter_map(|part| series.name.strip_suffix(part));
            let name = parts.chain([&*series.name]).find(|name| known.contains_key(*name)).expect("a type comes first");
            let labels = series.labels.into_iter().map(|(label, _)| label).filter(|label| label != "le");
            known.get_mut(name).unwrap().1.extend(labels);
        }
    }
    known
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_documented_and_every_documented_metric_is_served() {
    let receiver = Receiver::start().await;
    let world = World::configured(&format!("[hub]\ncheck_every = \"500ms\"\n{}", section(&receiver))).await;
    until_known(&world).await;
    let acme = world.connect("acme", None).await;
    receiver.until_told(1).await;
    world.until_metric("orgpass_stored_connections{cause=\"none\",status=\"active\"}", 1.0).await;
    let checked = || world.metric("orgpass_checks_total{result=\"alive\"}");
    eventually("a look of the monitor", async || checked().await > 0.0).await;
    world.sim.expire_sessions(&acme.org);
    assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    assert_eq!(world.hub().get("/openapi.json").send().await.status, 200);
    let reply = world.operator().get("/metrics").send().await;
    assert_eq!(served(reply.text()), documented());
    let helps = reply.text().lines().filter(|line| line.starts_with("# HELP orgpass_")).count();
    assert_eq!(helps, documented().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_label_of_a_running_process_has_a_documented_value() {
    let page = include_str!("../../../docs/metrics.md");
    let labels: BTreeMap<String, BTreeSet<String>> =
        rows(page, 2).map(|cells| (cells[0].trim_matches('`').to_owned(), in_backticks(cells[1]))).collect();
    let meanings: BTreeMap<String, BTreeSet<String>> = rows(&page.replace("| |", "| - |"), 5)
        .map(|cells| (cells[0].trim_matches('`').to_owned(), in_backticks(cells[3])))
        .collect();

    let config = "[proxy]\ntoken_wait = \"300ms\"".to_owned();
    let world = World::with(Options { config, ..Options::default() }).await;
    let acme = world.connect("acme", None).await;
    let call = || world.caller().get(LIMITS).tenant("acme").send();
    for trouble in [None, Some(Effect::Status(503, "[]".to_owned())), Some(Effect::LoseResponse)] {
        world.sim.expire_sessions(&acme.org);
        if let Some(effect) = trouble {
            world.sim.fault(Fault::on_token_endpoint(effect));
        }
        call().await;
    }
    world.caller().get("/services/async/67.0/job/x").tenant("acme").send().await;
    world.caller().get("/nowhere").send().await;
    let text = world.operator().get("/metrics").send().await;
    for line in text.text().lines().filter(|line| !line.starts_with('#')) {
        let series = series(line);
        for (label, value) in series.labels {
            let known = match label.as_str() {
                "le" | "version" => continue,
                "status" if value.parse::<u16>().is_ok() => continue,
                // What these count is part of what the metric means.
                "result" | "operation" => meanings.iter().find(|(name, _)| series.name.starts_with(*name)).unwrap().1,
                label => &labels[label],
            };
            assert!(known.contains(&value), "{line}");
        }
    }
}
