//! What the data path counts.

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

use super::{counter, counter_vec, gauge, histogram_vec};

/// From the proxy's own cost to a query that runs into Salesforce's ten minutes.
const REQUEST_BUCKETS: &[f64] =
    &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];

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

impl RequestMetrics {
    pub(super) fn register(r: &Registry) -> Self {
        Self {
            requests: counter_vec(
                r,
                "orgpass_requests_total",
                "Requests by API family, method, status sent to the caller, and outcome.",
                &["api", "method", "status", "outcome"],
            ),
            request_duration: histogram_vec(
                r,
                "orgpass_request_duration_seconds",
                "From the request's head to the last byte of its response.",
                &["api"],
                REQUEST_BUCKETS,
            ),
            upstream_duration: histogram_vec(
                r,
                "orgpass_upstream_duration_seconds",
                "From sending a request to the org until the head of its response.",
                &["api"],
                REQUEST_BUCKETS,
            ),
            replays: counter_vec(
                r,
                "orgpass_replays_total",
                "Requests that met a dead session, by what came of sending them again.",
                &["result"],
            ),
            in_flight: gauge(r, "orgpass_requests_in_flight", "Requests whose response has not ended."),
            replay_buffer_bytes: gauge(
                r,
                "orgpass_replay_buffer_bytes",
                "Memory that request bodies take while they may have to be sent again.",
            ),
            log_dropped: counter(
                r,
                "orgpass_access_log_dropped_total",
                "Access log lines that are lost: the reader is too slow, or the log cannot be written.",
            ),
        }
    }
}
