//! The writes to the record, as the real stores decide them.

use super::World;
use crate::connection::{Cause, Status};
use crate::store::{AttemptId, Committed};
use crate::token::exchange::model::store::{Intent, Outcome};
use crate::token::exchange::procedure::IntentSaid;

impl World {
    /// Whether the record is still the one that the run has read.
    fn is_at(&self, index: usize) -> bool {
        let read = self.processes[index].run.as_ref().and_then(|run| run.record.as_ref());
        read.is_some_and(|read| {
            let (here, there) = (self.record.generation, read.generation);
            here.number == there.number && (here.epoch == there.epoch || !self.rules.heeds_epochs)
        })
    }

    pub(super) fn write_intent(&mut self, index: usize, replaces: Option<&AttemptId>) -> IntentSaid {
        // The number of its attempts names the next; few processes make many.
        let spent = self.run(index).record.as_ref().expect("read before").token;
        let attempt = AttemptId::from(format!("{index}.{}.{}", spent.family, spent.number));
        let open = self.record.intent.as_ref().map(|intent| &intent.attempt);
        let is_foreign = open.is_some_and(|open| *open != attempt && Some(open) != replaces);
        if self.rules.writes_intents && (self.lease != Some(index) || !self.is_at(index) || is_foreign) {
            return IntentSaid::Overtaken;
        }
        if self.rules.writes_intents {
            self.record.intent = Some(Intent { attempt: attempt.clone(), settled: false });
            self.history = vec![self.record.clone()];
        }
        let has_waited_enough = self.has_waited_enough(spent);
        let run = self.run(index);
        (run.attempt, run.intended_lately, run.has_waited_enough) = (attempt, true, has_waited_enough);
        IntentSaid::Written
    }

    pub(super) fn commit(&mut self, outcome: &Outcome) -> Committed {
        let record = &self.record;
        let is_same = record.generation.epoch == outcome.generation.epoch || !self.rules.heeds_epochs;
        let is_known = record.done.contains(&outcome.attempt);
        let fits = record.token == outcome.spent && record.generation.number < outcome.generation.number;
        if !is_same || !(is_known || fits) {
            return Committed::Superseded;
        }
        if !is_known {
            self.record.generation = outcome.generation;
            self.record.token = outcome.new;
            self.record.reauthorize = false;
            self.record.done = vec![outcome.attempt.clone()];
            let stored = &mut self.stored[usize::from(outcome.new.family)];
            *stored = outcome.generation.number.max(*stored);
        }
        if self.record.intent.as_ref().is_some_and(|intent| intent.attempt == outcome.attempt) {
            self.record.intent = None;
        }
        self.history.push(self.record.clone());
        Committed::Stored
    }

    pub(super) fn set_status(&mut self, index: usize, cause: Cause) -> bool {
        let current = self.is_at(index);
        if current && cause.status() == Status::Reauthorize {
            self.record.reauthorize = true;
            self.history.push(self.record.clone());
        }
        current
    }

    pub(super) fn clear_intent(&mut self, index: usize) {
        let attempt = self.run(index).attempt.clone();
        if self.record.intent.as_ref().is_some_and(|intent| intent.attempt == attempt) {
            self.record.intent = None;
            self.history.push(self.record.clone());
        }
    }
}
