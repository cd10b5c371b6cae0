//! What hub and Redis did between two moments: processor time from the kernel and
//! from Redis, looks and store operations from the hub's own metrics.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::site::{Hub, Site};

const ANSWER: Duration = Duration::from_secs(10);
const OPERATIONS: &str = "orgpass_store_operation_duration_seconds_count{operation=\"";
const LOOKS: &str = "orgpass_checks_total{result=\"";
const COUNTED: &str = "orgpass_stored_connections{cause=\"none\",status=\"active\"}";

/// All counters at one moment.
pub(crate) struct Snapshot {
    at: Instant,
    hub: Duration,
    redis: Duration,
    /// The metrics by name and labels.
    series: BTreeMap<String, f64>,
}

/// What happened between two moments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub(crate) seconds: f64,
    /// Processor time of the hub, seconds.
    pub(crate) hub: f64,
    /// Processor time of Redis, seconds.
    pub(crate) redis: f64,
    pub(crate) looks: f64,
    /// Looks that found a session alive.
    pub(crate) alive: f64,
    /// Store operations by name.
    pub(crate) operations: BTreeMap<String, f64>,
}

impl Snapshot {
    pub(crate) async fn take(hub: &Hub, site: &Site<'_>) -> Result<Self> {
        let series = parse(&timeout(ANSWER, scrape(hub.ops)).await.context("no metrics in time")??);
        Ok(Self { at: Instant::now(), hub: hub.process.cpu()?, redis: site.redis_cpu()?, series })
    }

    /// How many active connections the hub has last counted.
    pub(crate) fn counted(&self) -> usize {
        self.series.get(COUNTED).map_or(0, |count| *count as usize)
    }

    pub(crate) fn since(&self, before: &Self) -> Window {
        let grown = |prefix: &'static str| {
            self.series.iter().filter_map(move |(name, now)| {
                let label = name.strip_prefix(prefix)?.strip_suffix("\"}")?;
                let grown = now - before.series.get(name).copied().unwrap_or(0.0);
                (grown != 0.0).then(|| (label.to_owned(), grown))
            })
        };
        let looks: BTreeMap<_, _> = grown(LOOKS).collect();
        Window {
            seconds: self.at.duration_since(before.at).as_secs_f64(),
            hub: self.hub.saturating_sub(before.hub).as_secs_f64(),
            redis: self.redis.saturating_sub(before.redis).as_secs_f64(),
            // A sum of nothing is -0.0.
            looks: looks.values().fold(0.0, |sum, looks| sum + looks),
            alive: looks.get("alive").copied().unwrap_or(0.0),
            operations: grown(OPERATIONS).collect(),
        }
    }
}

impl Window {
    /// The same without the processor time that `rest` takes in as long.
    pub(crate) fn beyond(self, rest: &Self) -> Self {
        let share = self.seconds / rest.seconds;
        let (hub, redis) = (self.hub - rest.hub * share, self.redis - rest.redis * share);
        Self { hub: hub.max(0.0), redis: redis.max(0.0), ..self }
    }

    /// How often the store was asked for this.
    pub(crate) fn operation(&self, name: &str) -> f64 {
        self.operations.get(name).copied().unwrap_or(0.0)
    }
}

async fn scrape(port: u16) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "no metrics: {answer}");
    Ok(answer)
}

/// The lines that are a name, labels and a number.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit_once(' ')).filter_map(|(n, v)| Some((n.to_owned(), v.parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Snapshot {
        Snapshot { at: Instant::now(), hub: Duration::ZERO, redis: Duration::ZERO, series: parse(text) }
    }

    #[test]
    fn a_window_is_what_grew_between_two_scrapes() {
        let before = at(&format!("HTTP/1.1 200 OK\r\n# HELP x y 1\n{OPERATIONS}read\"}} 5\n{OPERATIONS}list\"}} 7\n"));
        let after = at(&format!(
            "{OPERATIONS}read\"}} 9\n{OPERATIONS}list\"}} 7\n{LOOKS}alive\"}} 2\n{LOOKS}unclear\"}} 1\n{COUNTED} 1000\n"
        ));
        let window = after.since(&before);
        assert_eq!(window.operations, BTreeMap::from([("read".to_owned(), 4.0)]));
        assert_eq!((window.looks, window.alive), (3.0, 2.0));
        assert_eq!((before.counted(), after.counted()), (0, 1000));
    }

    #[test]
    fn what_rest_costs_is_taken_off() {
        let rest = Window { seconds: 10.0, hub: 1.0, redis: 2.0, ..Window::default() };
        let count = Window { seconds: 20.0, hub: 3.5, redis: 3.0, ..Window::default() };
        let left = count.beyond(&rest);
        assert_eq!((left.hub, left.redis), (1.5, 0.0));
    }
}
