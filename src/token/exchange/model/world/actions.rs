//! What can happen next.

use super::World;
use crate::token::exchange::model::process::{Process, Run};
use crate::token::exchange::outcome::Waiting;
use crate::token::exchange::procedure::Ask;

/// One thing that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::token::exchange::model) enum Action {
    /// A process begins to get a generation.
    Start(usize),
    /// The next step of a process is carried out.
    Step(usize),
    /// A process compares what it has kept with the store.
    Compare(usize),
    Restart(usize),
    Thaw(usize),
    /// More time than an exchange may take.
    TimePasses,
    /// The session dies.
    Expire,
    /// A person connects the org anew.
    Reconnect,
    // From here on: faults.
    Crash(usize),
    Freeze(usize),
    /// The next step of a process fails without an effect.
    Fail(usize),
    /// The next step of a process has its effect, and the process does not learn of it.
    LoseReply(usize),
    /// The store forgets its last writes.
    GoBack(usize),
    LoseLease,
    CallerGoes(usize),
}

impl Action {
    pub(in crate::token::exchange::model) fn is_fault(self) -> bool {
        matches!(
            self,
            Self::Crash(_)
                | Self::Freeze(_)
                | Self::Fail(_)
                | Self::LoseReply(_)
                | Self::GoBack(_)
                | Self::LoseLease
                | Self::CallerGoes(_)
        )
    }
}

impl World {
    /// Everything that can happen now.
    pub(in crate::token::exchange::model) fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (index, process) in self.processes.iter().enumerate() {
            let wished = self.wish.is_some() && self.may_exchange(index);
            match &process.run {
                _ if !process.up => actions.push(Action::Restart(index)),
                _ if process.frozen => actions.push(Action::Thaw(index)),
                None if process.waits || wished => actions.push(Action::Start(index)),
                None => {}
                Some(run) if run.ask == Ask::Pause(Waiting::Successors) && self.somebody_is_to_compare() => {}
                Some(_) => actions.push(Action::Step(index)),
            }
            if process.can_act() && process.is_to_compare {
                actions.push(Action::Compare(index));
            }
        }
        if self.time_matters() {
            actions.push(Action::TimePasses);
        }
        if self.budget.expiries > 0 && self.dead != Some(self.record.generation) && !self.record.reauthorize {
            actions.push(Action::Expire);
        }
        if self.budget.reconnects > 0 {
            actions.push(Action::Reconnect);
        }
        if self.budget.faults > 0 {
            self.add_faults(&mut actions);
        }
        actions
    }

    fn add_faults(&self, actions: &mut Vec<Action>) {
        for (index, process) in self.processes.iter().enumerate() {
            if process.up && (process.run.is_some() || process.kept.is_some()) {
                actions.push(Action::Crash(index));
            }
            let Some(run) = process.run.as_ref().filter(|_| process.can_act()) else { continue };
            actions.push(Action::Freeze(index));
            if !self.rules.callers_cancel_nothing {
                actions.push(Action::CallerGoes(index));
            }
            match run.ask {
                Ask::Read | Ask::TakeLease | Ask::Dial => actions.push(Action::Fail(index)),
                Ask::WriteIntent { .. } | Ask::Store | Ask::SetStatus(_) | Ask::ClearIntent => {
                    actions.extend([Action::Fail(index), Action::LoseReply(index)]);
                }
                Ask::Send if run.in_flight.is_none() => actions.push(Action::Fail(index)),
                Ask::Send => actions.push(Action::LoseReply(index)),
                _ => {}
            }
        }
        actions.extend((0..self.history.len()).filter(|i| self.history[*i] != self.record).map(Action::GoBack));
        if self.lease.is_some() {
            actions.push(Action::LoseLease);
        }
    }

    pub(super) fn somebody_is_to_compare(&self) -> bool {
        self.processes.iter().any(|process| process.can_act() && process.is_to_compare)
    }

    /// Much time passes only while nobody who can act is exchanging: a process that is slow at that is a frozen one.
    fn time_matters(&self) -> bool {
        let waits = |run: &Run| {
            matches!(run.ask, Ask::Pause(_)) || !run.has_lease && matches!(run.ask, Ask::Read | Ask::TakeLease)
        };
        let all_wait = self
            .processes
            .iter()
            .filter(|process| process.can_act())
            .all(|process| process.run.as_ref().is_none_or(waits) && !process.is_to_compare);
        let is_open = self.record.intent.as_ref().is_some_and(|intent| !intent.settled);
        let is_away = |process: &Process| !process.can_act() && !process.away_long;
        all_wait && (is_open || self.lease.is_some() || self.processes.iter().any(is_away))
    }
}
