//! Every metric, with its full name and help text in one place, grouped by who counts it. Labels come from enums only,
//! so that their number is bounded by types; a tenant is never a label.

mod hub;
mod traces;

use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

pub use hub::HubMetrics;
pub use traces::{SpanResult, TraceMetrics};

/// From the proxy's own cost to a query that runs into Salesforce's ten minutes.
const REQUEST_BUCKETS: &[f64] =
    &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];
/// A token endpoint answers in tenths of a second and is given at most 45 s.
const EXCHANGE_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 45.0];
/// A store answers in fractions of a millisecond; its time-out is two seconds by default.
const STORE_BUCKETS: &[f64] = &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0];

/// A wait for the hub is bounded by the caller's, 20 s by default.
const WAIT_BUCKETS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0];
/// From a token that was never good to one that lived for Salesforce's longest session time.
const AGE_BUCKETS: &[f64] = &[1.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0, 86400.0];

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// What the proxy counts.
    pub requests: RequestMetrics,
    /// What the token engine counts.
    pub tokens: TokenMetrics,
    /// What a hub counts.
    pub hub: HubMetrics,
    /// What the store counts.
    pub store: StoreMetrics,
    /// What is known of keys.
    pub keys: KeyMetrics,
    /// What becomes of traces.
    pub traces: TraceMetrics,
}

/// Metrics of the data path.
#[derive(Clone, Debug)]
pub struct RequestMetrics {
    /// `orgpass_requests_total{api,method,status,outcome}`
    pub requests: IntCounterVec,
    /// `orgpass_request_duration_seconds{api}`
    pub request_duration: HistogramVec,
    /// `orgpass_upstream_duration_seconds{api}`
    pub upstream_duration: HistogramVec,
    /// `orgpass_replays_total{result}`
    pub replays: IntCounterVec,
    /// `orgpass_requests_in_flight`
    pub in_flight: IntGauge,
    /// `orgpass_replay_buffer_bytes`
    pub replay_buffer_bytes: IntGauge,
    /// `orgpass_access_log_dropped_total`
    pub log_dropped: IntCounter,
}

/// Metrics of the token engine.
#[derive(Clone, Debug)]
pub struct TokenMetrics {
    /// `orgpass_exchanges_total{grant,result}`
    pub exchanges: IntCounterVec,
    /// `orgpass_data_cloud_exchanges_total{result}`
    pub data_cloud: IntCounterVec,
    /// `orgpass_exchange_duration_seconds`
    pub exchange_duration: Histogram,
    /// `orgpass_connections{status}`
    pub connections: IntGaugeVec,
    /// `orgpass_token_cache_entries`
    pub cache_entries: IntGauge,
    /// `orgpass_adopted_generations_total`
    pub adopted: IntCounter,
    /// `orgpass_token_age_at_refusal_seconds`
    pub age_at_refusal: Histogram,
    /// `orgpass_hub_wait_seconds{result}`
    pub hub_wait: HistogramVec,
    /// `orgpass_exchange_waits_total{reason}`
    pub waits: IntCounterVec,
    /// `orgpass_lease_losses_total`
    pub lease_losses: IntCounter,
    /// `orgpass_open_intents_total`
    pub open_intents: IntCounter,
    /// `orgpass_lost_grants_total`
    pub lost_grants: IntCounter,
    /// `orgpass_store_rollbacks_total`
    pub rollbacks: IntCounter,
    /// `orgpass_restored_generations_total`
    pub restored: IntCounter,
}

/// Metrics of the store.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    /// `orgpass_store_up`
    pub up: IntGauge,
    /// `orgpass_store_operation_duration_seconds{operation}`
    pub operation_duration: HistogramVec,
}

/// Metrics of the keys that seal records.
#[derive(Clone, Debug)]
pub struct KeyMetrics {
    /// `orgpass_unreadable_records{purpose}`
    unreadable: IntGaugeVec,
}

impl Metrics {
    /// Makes and registers every metric.
    pub fn new() -> Self {
        let r = Registry::new();
        let build = gauge_vec(&r, "orgpass_build_info", "The running version; always 1.", &["version"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let metrics = Self {
            requests: RequestMetrics {
                requests: counter_vec(
                    &r,
                    "orgpass_requests_total",
                    "Requests by API family, method, status sent to the caller, and outcome.",
                    &["api", "method", "status", "outcome"],
                ),
                request_duration: histogram_vec(
                    &r,
                    "orgpass_request_duration_seconds",
                    "From the request's head to the last byte of its response.",
                    &["api"],
                    REQUEST_BUCKETS,
                ),
                upstream_duration: histogram_vec(
                    &r,
                    "orgpass_upstream_duration_seconds",
                    "From sending a request to the org until the head of its response.",
                    &["api"],
                    REQUEST_BUCKETS,
                ),
                replays: counter_vec(
                    &r,
                    "orgpass_replays_total",
                    "Requests that met a dead session, by what came of sending them again.",
                    &["result"],
                ),
                in_flight: gauge(&r, "orgpass_requests_in_flight", "Requests whose response has not ended."),
                replay_buffer_bytes: gauge(
                    &r,
                    "orgpass_replay_buffer_bytes",
                    "Memory that request bodies take while they may have to be sent again.",
                ),
                log_dropped: counter(
                    &r,
                    "orgpass_access_log_dropped_total",
                    "Access log lines dropped because the log's reader is too slow.",
                ),
            },
            tokens: TokenMetrics {
                exchanges: counter_vec(
                    &r,
                    "orgpass_exchanges_total",
                    "Calls to a token endpoint, by grant and result.",
                    &["grant", "result"],
                ),
                data_cloud: counter_vec(
                    &r,
                    "orgpass_data_cloud_exchanges_total",
                    "Exchanges of an org's token for one of its Data Cloud tenant, by result.",
                    &["result"],
                ),
                exchange_duration: histogram(
                    &r,
                    "orgpass_exchange_duration_seconds",
                    "Duration of calls to a token endpoint.",
                    EXCHANGE_BUCKETS,
                ),
                connections: gauge_vec(
                    &r,
                    "orgpass_connections",
                    "Connections that this process holds in memory, by status.",
                    &["status"],
                ),
                cache_entries: gauge(&r, "orgpass_token_cache_entries", "Sessions held in memory."),
                adopted: counter(
                    &r,
                    "orgpass_adopted_generations_total",
                    "Newer generations found in the store instead of being exchanged for.",
                ),
                age_at_refusal: histogram(
                    &r,
                    "orgpass_token_age_at_refusal_seconds",
                    "Age of access tokens when an org first refused them.",
                    AGE_BUCKETS,
                ),
                hub_wait: histogram_vec(
                    &r,
                    "orgpass_hub_wait_seconds",
                    "Waits for a hub's answer to a wish, by what came of them.",
                    &["result"],
                    WAIT_BUCKETS,
                ),
                waits: counter_vec(
                    &r,
                    "orgpass_exchange_waits_total",
                    "Times that getting a generation had to wait, by what for.",
                    &["reason"],
                ),
                lease_losses: counter(
                    &r,
                    "orgpass_lease_losses_total",
                    "Exchanges that were not sent because another process had begun to act on the connection.",
                ),
                open_intents: counter(
                    &r,
                    "orgpass_open_intents_total",
                    "Times that an exchange found an earlier one whose outcome is unknown.",
                ),
                lost_grants: counter(
                    &r,
                    "orgpass_lost_grants_total",
                    "Connections that a person must consent to again because the answer to an exchange was lost.",
                ),
                rollbacks: counter(
                    &r,
                    "orgpass_store_rollbacks_total",
                    "Connections of which the store held an older generation than this process had seen.",
                ),
                restored: counter(
                    &r,
                    "orgpass_restored_generations_total",
                    "Generations that this process stored again after the store had gone back.",
                ),
            },
            hub: HubMetrics::register(&r),
            store: StoreMetrics {
                up: gauge(&r, "orgpass_store_up", "1 while the store answers, else 0."),
                operation_duration: histogram_vec(
                    &r,
                    "orgpass_store_operation_duration_seconds",
                    "Duration of store operations.",
                    &["operation"],
                    STORE_BUCKETS,
                ),
            },
            keys: KeyMetrics::new(&r),
            traces: TraceMetrics::register(&r),
            registry: r,
        };
        // So that growth from nothing is seen, these are there from the start.
        for result in ["answered", "refused", "unanswered"] {
            metrics.tokens.hub_wait.with_label_values(&[result]);
        }
        for result in ["tokens", "dead_session", "refused", "unavailable"] {
            metrics.tokens.data_cloud.with_label_values(&[result]);
        }
        metrics
    }

    /// All metrics in Prometheus' text form.
    pub fn render(&self) -> String {
        let mut text = Vec::with_capacity(16 * 1024);
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("encoding into memory works for registered metrics");
        String::from_utf8(text).expect("the text form is UTF-8")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl StoreMetrics {
    /// Records one store operation.
    pub fn record(&self, operation: &'static str, took: Duration, answered: bool) {
        self.operation_duration.with_label_values(&[operation]).observe(took.as_secs_f64());
        self.up.set(i64::from(answered));
    }
}

impl KeyMetrics {
    fn new(registry: &Registry) -> Self {
        let help = "Records sealed with a key that is not in the key file, by purpose, as last looked at.";
        let unreadable = gauge_vec(registry, "orgpass_unreadable_records", help, &["purpose"]);
        for purpose in Self::PURPOSES {
            unreadable.with_label_values(&[purpose]).set(0);
        }
        Self { unreadable }
    }

    const PURPOSES: [&str; 2] = ["session", "grant"];

    /// The gauge of one purpose.
    pub fn unreadable(&self, purpose: &'static str) -> IntGauge {
        self.unreadable.with_label_values(&[purpose])
    }

    /// Whether there is any record that no key opens.
    pub fn are_missing(&self) -> bool {
        Self::PURPOSES.iter().any(|purpose| self.unreadable(purpose).get() > 0)
    }
}

const VALID: &str = "names and labels are valid and registered once";

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    let metric = IntCounter::new(name, help).expect(VALID);
    registry.register(Box::new(metric.clone())).expect(VALID);
    metric
}

fn counter_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let metric = IntCounterVec::new(Opts::new(name, help), labels).expect(VALID);
    registry.register(Box::new(metric.clone())).expect(VALID);
    metric
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let metric = IntGauge::new(name, help).expect(VALID);
    registry.register(Box::new(metric.clone())).expect(VALID);
    metric
}

fn gauge_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    let metric = IntGaugeVec::new(Opts::new(name, help), labels).expect(VALID);
    registry.register(Box::new(metric.clone())).expect(VALID);
    metric
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let metric = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())).expect(VALID);
    registry.register(Box::new(metric.clone())).expect(VALID);
    metric
}

fn histogram_vec(registry: &Registry, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
    let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    let metric = HistogramVec::new(opts, labels).expect(VALID);
    registry.register(Box::new(metric.clone())).expect(VALID);
    metric
}
