//! What becomes of the spans of traced calls.

use prometheus::{IntCounterVec, Registry};

use super::counter_vec;

/// Metrics of traces.
#[derive(Clone, Debug)]
pub struct TraceMetrics {
    /// `orgpass_spans_total{result}`
    spans: IntCounterVec,
}

/// What became of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanResult {
    /// The collector has it.
    Exported,
    /// There was no room for it.
    Dropped,
    /// The collector does not want it.
    Refused,
    /// The collector was not reached for too long.
    Lost,
}

impl SpanResult {
    const ALL: [Self; 4] = [Self::Exported, Self::Dropped, Self::Refused, Self::Lost];

    fn as_str(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Dropped => "dropped",
            Self::Refused => "refused",
            Self::Lost => "lost",
        }
    }
}

impl TraceMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let help = "Spans of traced calls, by what became of them.";
        let spans = counter_vec(registry, "orgpass_spans_total", help, &["result"]);
        // So that growth from nothing is seen, these are there from the start.
        for result in SpanResult::ALL {
            spans.with_label_values(&[result.as_str()]);
        }
        Self { spans }
    }

    /// Counts spans.
    pub fn count(&self, result: SpanResult, spans: usize) {
        self.spans.with_label_values(&[result.as_str()]).inc_by(spans as u64);
    }
}
