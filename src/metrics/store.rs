//! What the store counts, and what is known of the keys that seal its records.

use std::time::Duration;

use prometheus::{HistogramVec, IntGauge, IntGaugeVec, Registry};

use super::{gauge, gauge_vec, histogram_vec};

/// A store answers in fractions of a millisecond; its time-out is two seconds by default.
const STORE_BUCKETS: &[f64] = &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0];

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
    /// `orgpass_key_file_faulty`
    pub file_faulty: IntGauge,
}

impl StoreMetrics {
    pub(super) fn register(r: &Registry) -> Self {
        Self {
            up: gauge(r, "orgpass_store_up", "1 while the store answers, else 0."),
            operation_duration: histogram_vec(
                r,
                "orgpass_store_operation_duration_seconds",
                "Duration of store operations.",
                &["operation"],
                STORE_BUCKETS,
            ),
        }
    }

    /// Records one store operation.
    pub fn record(&self, operation: &'static str, took: Duration, answered: bool) {
        self.operation_duration.with_label_values(&[operation]).observe(took.as_secs_f64());
        self.up.set(i64::from(answered));
    }
}

impl KeyMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let help = "Records sealed with a key that is not in the key file, by purpose, as last looked at.";
        let unreadable = gauge_vec(registry, "orgpass_unreadable_records", help, &["purpose"]);
        for purpose in Self::PURPOSES {
            unreadable.with_label_values(&[purpose]).set(0);
        }
        let help = "1 while a key file has changed and cannot be used, so that the keys of before count, else 0.";
        Self { unreadable, file_faulty: gauge(registry, "orgpass_key_file_faulty", help) }
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
