//! Every metric, with its full name and help text, in a file for each that counts. Labels come from enums only, so that
//! their number is bounded by types; a tenant is never a label.

mod hub;
mod requests;
mod store;
mod tokens;
mod traces;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

pub use hub::HubMetrics;
pub use requests::RequestMetrics;
pub use store::{KeyMetrics, StoreMetrics};
pub use tokens::TokenMetrics;
pub use traces::{SpanResult, TraceMetrics};

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

impl Metrics {
    /// Makes and registers every metric.
    pub fn new() -> Self {
        let r = Registry::new();
        let build = gauge_vec(&r, "orgpass_build_info", "The running version; always 1.", &["version"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Self {
            requests: RequestMetrics::register(&r),
            tokens: TokenMetrics::register(&r),
            hub: HubMetrics::register(&r),
            store: StoreMetrics::register(&r),
            keys: KeyMetrics::register(&r),
            traces: TraceMetrics::register(&r),
            registry: r,
        }
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
