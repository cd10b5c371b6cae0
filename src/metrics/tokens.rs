//! What the token engine counts.

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{counter, counter_vec, gauge, gauge_vec, histogram, histogram_vec};

/// A token endpoint answers in tenths of a second and is given at most 45 s.
const EXCHANGE_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 45.0];
/// A wait for the hub is bounded by the caller's, 20 s by default.
const WAIT_BUCKETS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0];
/// From a token that was never good to one that lived for Salesforce's longest session time.
const AGE_BUCKETS: &[f64] = &[1.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0, 86400.0];

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

impl TokenMetrics {
    pub(super) fn register(r: &Registry) -> Self {
        let metrics = Self {
            exchanges: counter_vec(
                r,
                "orgpass_exchanges_total",
                "Calls to a token endpoint, by grant and result.",
                &["grant", "result"],
            ),
            data_cloud: counter_vec(
                r,
                "orgpass_data_cloud_exchanges_total",
                "Exchanges of an org's token for one of its Data Cloud tenant, by result.",
                &["result"],
            ),
            exchange_duration: histogram(
                r,
                "orgpass_exchange_duration_seconds",
                "Duration of calls to a token endpoint.",
                EXCHANGE_BUCKETS,
            ),
            connections: gauge_vec(
                r,
                "orgpass_connections",
                "Connections that this process holds in memory, by status.",
                &["status"],
            ),
            cache_entries: gauge(r, "orgpass_token_cache_entries", "Sessions held in memory."),
            adopted: counter(
                r,
                "orgpass_adopted_generations_total",
                "Newer generations found in the store instead of being exchanged for.",
            ),
            age_at_refusal: histogram(
                r,
                "orgpass_token_age_at_refusal_seconds",
                "Age of access tokens when an org first refused them.",
                AGE_BUCKETS,
            ),
            hub_wait: histogram_vec(
                r,
                "orgpass_hub_wait_seconds",
                "Waits for a hub's answer to a wish, by what came of them.",
                &["result"],
                WAIT_BUCKETS,
            ),
            waits: counter_vec(
                r,
                "orgpass_exchange_waits_total",
                "Times that getting a generation had to wait, by what for.",
                &["reason"],
            ),
            lease_losses: counter(
                r,
                "orgpass_lease_losses_total",
                "Exchanges that were not sent because another process had begun to act on the connection.",
            ),
            open_intents: counter(
                r,
                "orgpass_open_intents_total",
                "Times that an exchange found an earlier one whose outcome is unknown.",
            ),
            lost_grants: counter(
                r,
                "orgpass_lost_grants_total",
                "Connections that a person must consent to again because the answer to an exchange was lost.",
            ),
            rollbacks: counter(
                r,
                "orgpass_store_rollbacks_total",
                "Connections of which the store held an older generation than this process had seen.",
            ),
            restored: counter(
                r,
                "orgpass_restored_generations_total",
                "Generations that this process stored again after the store had gone back.",
            ),
        };
        // So that growth from nothing is seen, these are there from the start.
        for result in ["answered", "refused", "unanswered"] {
            metrics.hub_wait.with_label_values(&[result]);
        }
        for result in ["tokens", "dead_session", "refused", "unavailable"] {
            metrics.data_cloud.with_label_values(&[result]);
        }
        metrics
    }
}
