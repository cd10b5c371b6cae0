//! Which calls are part of a sampled trace, and where their spans go when they end. What follows a span's end costs a call
//! nothing: a full queue drops it.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use tokio::sync::mpsc;

use super::SharedWork;
use super::context::{SpanId, TRACEPARENT, TRACESTATE, TraceContext};
use super::span::Span;
use crate::metrics::{SpanResult, TraceMetrics};

/// The end of the queue: at each step the spans of one call, or of other work.
pub type Spans = mpsc::Receiver<Vec<Span>>;

/// Decides and hands on. One for all workers.
#[derive(Debug)]
pub struct Tracer {
    sample_ratio: f64,
    queue: mpsc::Sender<Vec<Span>>,
    metrics: TraceMetrics,
}

/// A call that is part of a sampled trace.
#[derive(Clone, Copy, Debug)]
pub struct Joined {
    /// The trace, and the call's own span.
    pub context: TraceContext,
    /// The caller's span, if the caller is part of the trace.
    pub parent: Option<SpanId>,
    /// When it began.
    pub began: SystemTime,
}

impl Tracer {
    /// A tracer that begins traces for this part of the calls that come without one, and the end of its queue, which holds
    /// the spans of this many calls.
    pub fn new(sample_ratio: f64, queue_size: usize, metrics: TraceMetrics) -> (Self, Spans) {
        let (queue, receiver) = mpsc::channel(queue_size);
        (Self { sample_ratio, queue, metrics }, receiver)
    }

    /// Joins the trace that a request belongs to, or begins one; `None` if nothing is recorded. The caller has decided for
    /// its own trace. A context that is none is taken out: it must not go on.
    pub fn join(&self, headers: &mut HeaderMap) -> Option<Joined> {
        let (context, parent) = match TraceContext::of(headers) {
            Some(caller) if caller.is_sampled() => (caller.child(), Some(caller.span)),
            Some(_) => return None,
            None => {
                headers.remove(TRACEPARENT);
                headers.remove(TRACESTATE);
                (self.begin()?, None)
            }
        };
        Some(Joined { context, parent, began: SystemTime::now() })
    }

    fn begin(&self) -> Option<TraceContext> {
        let context = (self.sample_ratio > 0.0).then(TraceContext::root)?;
        self.is_chosen(context).then_some(context)
    }

    fn is_chosen(&self, context: TraceContext) -> bool {
        context.trace.chance() < self.sample_ratio
    }

    /// The trace of work that belongs to no call and begins now.
    pub fn share(self: &Arc<Self>) -> SharedWork {
        let context = TraceContext::root();
        SharedWork::new(Arc::clone(self), context, self.is_chosen(context))
    }

    /// Hands spans that belong together on to be exported, or drops and counts them.
    pub fn finish(&self, spans: Vec<Span>) {
        if let Err(mpsc::error::TrySendError::Full(spans) | mpsc::error::TrySendError::Closed(spans)) =
            self.queue.try_send(spans)
        {
            self.metrics.count(SpanResult::Dropped, spans.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::traces::span::Links;

    fn tracer(sample_ratio: f64) -> (Tracer, Spans) {
        Tracer::new(sample_ratio, 1, Metrics::new().traces)
    }

    fn headers(traceparent: &str) -> HeaderMap {
        HeaderMap::from_iter([(TRACEPARENT, traceparent.parse().unwrap()), (TRACESTATE, "vendor=1".parse().unwrap())])
    }

    #[test]
    fn a_caller_decides_for_its_own_trace() {
        let of_caller = TraceContext::root().header();
        let of_caller = of_caller.to_str().unwrap();
        let unsampled = format!("{}00", of_caller.strip_suffix("01").unwrap());
        for ratio in [0.0, 1.0] {
            let (tracer, _queue) = tracer(ratio);
            let mut sampled = headers(of_caller);
            let joined = tracer.join(&mut sampled).unwrap();
            let caller = TraceContext::of(&sampled).unwrap();
            assert_eq!((joined.context.trace, joined.parent), (caller.trace, Some(caller.span)));
            assert_ne!(joined.context.span, caller.span);
            let mut others = headers(&unsampled);
            assert!(tracer.join(&mut others).is_none());
            assert_eq!(others, headers(&unsampled), "it goes on as it came");
        }
    }

    #[test]
    fn a_bad_context_is_taken_out_and_counts_as_none() {
        for (ratio, begins) in [(0.0, false), (1.0, true)] {
            let (tracer, _queue) = tracer(ratio);
            let mut bad = headers("00-0-0-01");
            let joined = tracer.join(&mut bad);
            assert_eq!(joined.is_some(), begins);
            assert!(joined.is_none_or(|joined| joined.parent.is_none()));
            assert!(bad.is_empty());
        }
    }

    #[test]
    fn the_ratio_is_that_of_the_traces_that_begin_here() {
        let (tracer, _queue) = tracer(0.25);
        let begun = (0..4000).filter(|_| tracer.join(&mut HeaderMap::new()).is_some()).count();
        // Twelve standard deviations: it does not happen by chance.
        assert!((670..1330).contains(&begun), "{begun}");
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let metrics = Metrics::new();
        let (tracer, _queue) = Tracer::new(1.0, 1, metrics.traces.clone());
        let context = TraceContext::root();
        let span = Span {
            context,
            parent: None,
            is_parent_remote: false,
            kind: super::super::span::Kind::Server,
            name: "GET /".to_owned(),
            began: SystemTime::now(),
            ended: SystemTime::now(),
            attributes: Vec::new(),
            links: Links::default(),
            failed: false,
        };
        tracer.finish(vec![span.clone()]);
        assert!(metrics.render().contains("orgpass_spans_total{result=\"dropped\"} 0\n"));
        tracer.finish(vec![span.clone(), span]);
        assert!(metrics.render().contains("orgpass_spans_total{result=\"dropped\"} 2\n"));
    }
}
