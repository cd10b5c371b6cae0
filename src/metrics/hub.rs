//! What a hub counts.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{counter_vec, gauge, gauge_vec};

/// Metrics of a hub.
#[derive(Clone, Debug)]
pub struct HubMetrics {
    /// `orgpass_hub_leads`
    pub leads: IntGauge,
    /// `orgpass_wishes_waiting`
    pub wishes_waiting: IntGauge,
    /// `orgpass_oldest_wish_seconds`
    pub oldest_wish: IntGauge,
    /// `orgpass_wishes_total{result}`
    pub wishes: IntCounterVec,
    /// `orgpass_checks_total{result}`
    pub checks: IntCounterVec,
    /// `orgpass_stored_connections{status,cause}`
    pub stored_connections: IntGaugeVec,
    /// `orgpass_idle_limit_connections{days}`
    pub idle_limit: IntGaugeVec,
    /// `orgpass_hub_requests_total{route,method,status}`
    requests: IntCounterVec,
    /// `orgpass_webhook_deliveries_total{webhook,result}`
    deliveries: IntCounterVec,
}

impl HubMetrics {
    /// Counts a telling of a webhook, by its name in the configuration.
    pub fn delivered(&self, webhook: &str, taken: bool) {
        self.deliveries.with_label_values(&[webhook, if taken { "taken" } else { "failed" }]).inc();
    }

    /// Counts an answer of the hub's listener. `route` is the template of a route; without one, nothing is there.
    pub fn answered(&self, route: Option<&str>, method: &http::Method, status: http::StatusCode) {
        let method = match *method {
            http::Method::GET | http::Method::HEAD => "read",
            http::Method::PUT => "put",
            http::Method::POST => "post",
            http::Method::DELETE => "delete",
            _ => "other",
        };
        self.requests.with_label_values(&[route.unwrap_or("none"), method, status.as_str()]).inc();
    }

    pub(super) fn register(r: &Registry) -> Self {
        let metrics = Self {
            leads: gauge(r, "orgpass_hub_leads", "1 while this hub is the one that watches all connections."),
            wishes_waiting: gauge(
                r,
                "orgpass_wishes_waiting",
                "Wishes that this hub found in the store at its last look, at most those that it takes at once.",
            ),
            oldest_wish: gauge(
                r,
                "orgpass_oldest_wish_seconds",
                "For how long this hub has known the wish that it has known for longest.",
            ),
            wishes: counter_vec(
                r,
                "orgpass_wishes_total",
                "Wishes that this hub has taken, by what came of them.",
                &["result"],
            ),
            checks: counter_vec(
                r,
                "orgpass_checks_total",
                "Looks of the monitor at a connection, by what it found.",
                &["result"],
            ),
            stored_connections: gauge_vec(
                r,
                "orgpass_stored_connections",
                "Connections in the store by status and cause, as the leading hub last counted them.",
                &["status", "cause"],
            ),
            idle_limit: gauge_vec(
                r,
                "orgpass_idle_limit_connections",
                "Connections by the days left until Salesforce ends their unused refresh token.",
                &["days"],
            ),
            deliveries: counter_vec(
                r,
                "orgpass_webhook_deliveries_total",
                "Events told to webhooks, by webhook and by whether they took it.",
                &["webhook", "result"],
            ),
            requests: counter_vec(
                r,
                "orgpass_hub_requests_total",
                "Answers of the hub's pages and API, by route, method and status.",
                &["route", "method", "status"],
            ),
        };
        // So that growth from nothing is seen, these are there from the start.
        for result in ["done", "refused", "failed"] {
            metrics.wishes.with_label_values(&[result]);
        }
        metrics
    }
}
