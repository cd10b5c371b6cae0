//! A real Prometheus with the project's rules, in which a minute is a second: every `for` and every range is shortened
//! by that, and metrics are scraped four times a second.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis_child::HeldPort;
use serde_json::Value;

use crate::caller::Caller;
use crate::chaos::say;
use crate::world::Seen;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/monitoring/rules.yaml");
/// Far more than an alert takes whose rule says ten minutes, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);

/// A running Prometheus; killed with the test.
pub struct Prometheus {
    child: Child,
    api: Caller,
    _port: HeldPort,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts it and waits until it is ready to scrape these jobs.
    pub async fn start(jobs: &[(&str, Vec<SocketAddr>)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("rules.yaml"), in_seconds(&std::fs::read_to_string(RULES).unwrap())).unwrap();
        std::fs::write(path("prometheus.yaml"), config(jobs)).unwrap();
        let port = HeldPort::new();
        let address = port.address();
        let log = File::create(path("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yaml").display()))
            .arg(format!("--storage.tsdb.path={}", path("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("scripts/deploy-checks --install installs Prometheus");
        let prometheus = Self { child, api: Caller::new(address, Seen::default()), _port: port, _folder: folder };
        prometheus.until("it listens", async || tokio::net::TcpStream::connect(address).await.ok()).await;
        prometheus.until("it is ready", async || prometheus.is_ready().await.then_some(())).await;
        prometheus
    }

    /// Waits until so many alerts of this name fire, and gives them.
    pub async fn until_firing(&self, name: &str, count: usize) -> Vec<Value> {
        let began = Instant::now();
        let what = format!("{count} times {name}");
        let alerts = self
            .until(&what, async || {
                let alerts: Vec<Value> =
                    self.firing().await.into_iter().filter(|alert| alert["labels"]["alertname"] == name).collect();
                (alerts.len() == count).then_some(alerts)
            })
            .await;
        say(&format!("{what} after {:.1?}", began.elapsed()));
        alerts
    }

    /// Waits until no alert at all fires.
    pub async fn until_nothing_fires(&self) {
        self.until("no alert", async || self.firing().await.is_empty().then_some(())).await;
    }

    /// Waits until every rule has been evaluated at a time when all jobs were scraped, and found to be right.
    pub async fn until_all_rules_are_evaluated(&self) {
        self.until("all rules", async || {
            let said = self.get("/api/v1/rules").await;
            let groups = said["groups"].as_array().unwrap().iter();
            let rules: Vec<&Value> = groups.flat_map(|group| group["rules"].as_array().unwrap()).collect();
            let all = !rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok");
            all.then_some(())
        })
        .await;
    }

    /// Waits until the series of this selector come to so much.
    pub async fn until_sum(&self, selector: &str, sum: f64) {
        let query = format!("sum({selector})");
        self.until(&query, async || {
            let result = self.query(&query).await;
            let value = result.first()?["value"][1].as_str()?.parse::<f64>().ok()?;
            (value == sum).then_some(())
        })
        .await;
    }

    /// The names of all alerts that have ever fired.
    pub async fn fired(&self) -> BTreeSet<String> {
        let query = "count by (alertname) (count_over_time(ALERTS{alertstate=\"firing\"}[1h]))";
        let alerts = self.query(query).await;
        alerts.iter().map(|alert| alert["metric"]["alertname"].as_str().unwrap().to_owned()).collect()
    }

    async fn firing(&self) -> Vec<Value> {
        let said = self.get("/api/v1/alerts").await;
        let alerts = said["alerts"].as_array().unwrap();
        alerts.iter().filter(|alert| alert["state"] == "firing").cloned().collect()
    }

    async fn query(&self, query: &str) -> Vec<Value> {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        self.get(&format!("/api/v1/query?query={encoded}")).await["result"].as_array().unwrap().clone()
    }

    async fn get(&self, path: &str) -> Value {
        let reply = self.api.get(path).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()["data"].take()
    }

    async fn is_ready(&self) -> bool {
        self.api.get("/-/ready").try_send().await.is_ok_and(|reply| reply.status == 200)
    }

    async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if began.elapsed() > PATIENCE {
                panic!("this did not come: {what}");
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself, in which case the test has failed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(jobs: &[(&str, Vec<SocketAddr>)]) -> String {
    let mut config = "global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}\n\
                      rule_files: [rules.yaml]\nscrape_configs:\n"
        .to_owned();
    for (name, targets) in jobs {
        let targets: Vec<String> = targets.iter().map(|target| format!("\"{target}\"")).collect();
        config += &format!("  - job_name: {name}\n    static_configs: [{{targets: [{}]}}]\n", targets.join(", "));
    }
    config
}

/// The rules with seconds for minutes, and minutes for hours.
fn in_seconds(rules: &str) -> String {
    let shortened = |line: &str| {
        if line.trim_start().starts_with("for: ") {
            let (count, unit) = line.split_at(line.len() - 1);
            return format!("{count}{}", shorter(unit));
        }
        // Minutes first: hours become minutes.
        line.replace("m]", "s]").replace("h]", "m]")
    };
    rules.lines().map(|line| shortened(line) + "\n").collect()
}

fn shorter(unit: &str) -> &'static str {
    match unit {
        "m" => "s",
        "h" => "m",
        other => panic!("a time in {other}"),
    }
}

#[test]
fn rules_are_shortened_all_alike() {
    let rules = "expr: rate(x:rate5m[5m]) > increase(y[1h])\nfor: 10m\n        for: 1h\n";
    let shortened = "expr: rate(x:rate5m[5s]) > increase(y[1m])\nfor: 10s\n        for: 1m\n";
    assert_eq!(in_seconds(rules), shortened);
    let all = in_seconds(&std::fs::read_to_string(RULES).unwrap());
    assert!(!all.contains("h]"));
}
