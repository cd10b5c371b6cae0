//! Work that belongs to no call, such as an exchange: it has a trace of its own. Calls of other traces may wait for it;
//! then a link leads from the wait to the work, and one back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use super::Tracer;
use super::context::TraceContext;
use super::span::{Kind, Links, Span};

/// One piece of work that calls share. It is recorded if the ratio of traces says so, or a recorded call waits for it.
#[derive(Debug)]
pub struct SharedWork {
    tracer: Arc<Tracer>,
    context: TraceContext,
    began: (SystemTime, Instant),
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    is_recorded: bool,
    is_shown: bool,
    waits: Links,
    parts: Vec<Span>,
}

/// The wait of a recorded call for shared work.
#[derive(Debug)]
pub struct Wait {
    call: TraceContext,
    /// Its span, once there is something to wait for.
    context: Option<TraceContext>,
    works: Vec<Arc<SharedWork>>,
}

impl SharedWork {
    pub(super) fn new(tracer: Arc<Tracer>, context: TraceContext, is_recorded: bool) -> Self {
        let state = State { is_recorded, is_shown: false, waits: Links::default(), parts: Vec::new() };
        Self { tracer, context, began: (SystemTime::now(), Instant::now()), state: Mutex::new(state) }
    }

    /// There is more to it than a look at what is there already: it is worth a span.
    pub fn show(&self) {
        self.state().is_shown = true;
    }

    /// Whether it is worth a span.
    pub fn is_shown(&self) -> bool {
        self.state().is_shown
    }

    /// A part of the work, which began and ended then.
    pub fn add(&self, kind: Kind, name: &str, began: Instant, ended: Instant, fill: impl FnOnce(&mut Span)) {
        let mut span = self.span(self.context.child(), kind, name, began, ended);
        span.parent = Some(self.context.span);
        fill(&mut span);
        self.state().parts.push(span);
    }

    /// Says more of the part that was added last.
    pub fn amend(&self, fill: impl FnOnce(&mut Span)) {
        if let Some(part) = self.state().parts.last_mut() {
            fill(part);
        }
    }

    /// Hands the spans on, if the work is recorded and was worth it. It is over.
    pub fn finish(&self, name: &str, fill: impl FnOnce(&mut Span)) {
        let mut state = self.state();
        if !state.is_recorded || !state.is_shown {
            return;
        }
        let mut span = self.span(self.context, Kind::Internal, name, self.began.1, Instant::now());
        span.links = std::mem::take(&mut state.waits);
        fill(&mut span);
        let mut spans = vec![span];
        spans.append(&mut state.parts);
        drop(state);
        self.tracer.finish(spans);
    }

    fn span(&self, context: TraceContext, kind: Kind, name: &str, began: Instant, ended: Instant) -> Span {
        let at = |instant: Instant| self.began.0 + instant.saturating_duration_since(self.began.1);
        Span {
            context,
            parent: None,
            is_parent_remote: false,
            kind,
            name: name.to_owned(),
            began: at(began),
            ended: at(ended),
            attributes: Vec::new(),
            links: Links::default(),
            failed: false,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Single assignments, valid after any panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait {
    /// A wait of the call with this span, which may not come to pass.
    pub fn of(call: TraceContext) -> Self {
        Self { call, context: None, works: Vec::new() }
    }

    /// The call waits for `work` now. It must not be over.
    pub fn join(&mut self, work: &Arc<SharedWork>) {
        let context = *self.context.get_or_insert_with(|| self.call.child());
        let mut state = work.state();
        state.is_recorded = true;
        state.waits.add(context);
        drop(state);
        self.works.push(Arc::clone(work));
    }

    /// The span of the wait, if there was something to wait for.
    pub fn context(&self) -> Option<TraceContext> {
        self.context
    }

    /// What was waited for, as far as it has spans.
    pub fn links(&self) -> Links {
        let mut links = Links::default();
        self.works.iter().filter(|work| work.is_shown()).for_each(|work| links.add(work.context));
        links
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::traces::span::MOST_LINKS;

    fn finish(work: &SharedWork) {
        work.finish("work", |_| {});
    }

    #[test]
    fn work_is_recorded_if_somebody_waits_or_the_ratio_says_so_and_only_if_it_is_worth_it() {
        for (ratio, waits, shown, recorded) in
            [(0.0, false, true, false), (0.0, true, true, true), (1.0, false, true, true), (1.0, true, false, false)]
        {
            let (tracer, mut queue) = Tracer::new(ratio, 8, Metrics::new().traces);
            let work = Arc::new(Arc::new(tracer).share());
            let mut wait = Wait::of(TraceContext::root());
            if waits {
                wait.join(&work);
            }
            if shown {
                work.show();
            }
            finish(&work);
            assert_eq!(queue.try_recv().is_ok(), recorded, "{ratio} {waits} {shown}");
            assert_eq!(wait.links().all().len(), usize::from(waits && shown));
        }
    }

    #[test]
    fn links_lead_both_ways_and_a_crowd_of_them_is_bounded() {
        let (tracer, mut queue) = Tracer::new(0.0, 8, Metrics::new().traces);
        let work = Arc::new(Arc::new(tracer).share());
        work.show();
        let waits: Vec<_> = std::iter::repeat_with(|| {
            let mut wait = Wait::of(TraceContext::root());
            wait.join(&work);
            wait
        })
        .take(MOST_LINKS + 3)
        .collect();
        let now = Instant::now();
        work.add(Kind::Client, "part", now, now, |_| {});
        finish(&work);
        let spans = queue.try_recv().unwrap();
        let [whole, part] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!((whole.links.all().len(), whole.links.left_out()), (MOST_LINKS, 3));
        assert_eq!(Some(whole.links.all()[0]), waits[0].context());
        assert!(waits.iter().all(|wait| wait.links().all() == [whole.context]));
        assert_eq!((part.parent, part.context.trace), (Some(whole.context.span), whole.context.trace));
    }
}
