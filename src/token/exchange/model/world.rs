//! The world of the model: the store, the token endpoint and the processes between them, and what happens to them from
//! outside.

mod actions;
mod promises;
mod steps;
mod writes;

pub(super) use self::actions::Action;
use super::explore::Budget;
use super::process::{Process, Reply, Run};
use super::store::{Endpoint, Outcome, Record, Token};
use crate::connection::Generation;
use crate::store::AttemptId;
use crate::token::exchange::procedure::{Procedure, Want};

/// The rules that keep tokens safe; a test takes one away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rules {
    pub(super) reads_again_under_lease: bool,
    pub(super) callers_cancel_nothing: bool,
    pub(super) stores_before_use: bool,
    pub(super) writes_intents: bool,
    pub(super) keeps_a_journal: bool,
    pub(super) heeds_epochs: bool,
    pub(super) keeps_answers_without_lease: bool,
    pub(super) stores_again: bool,
}

impl Rules {
    pub(super) fn all() -> Self {
        Self {
            reads_again_under_lease: true,
            callers_cancel_nothing: true,
            stores_before_use: true,
            writes_intents: true,
            keeps_a_journal: true,
            heeds_epochs: true,
            keeps_answers_without_lease: true,
            stores_again: true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) budget: Budget,
    rules: Rules,
    endpoint: Endpoint,
    record: Record,
    /// What the store may go back to: its states since the last intent, which replicas have.
    history: Vec<Record>,
    lease: Option<usize>,
    processes: Vec<Process>,
    /// What a process without grant keys asks the others for.
    wish: Option<Option<Generation>>,
    /// The newest session of the newest authorization that is dead.
    dead: Option<Generation>,
    /// For each authorization, the newest generation that was ever stored.
    stored: Vec<u64>,
    /// What was exchanged for without spending anything.
    minted: Vec<Token>,
    /// Authorizations that ended in a way that nobody could prevent.
    excused: Vec<bool>,
}

type Broken = String;

impl World {
    pub(super) fn new(budget: Budget, rules: Rules) -> Self {
        let mut endpoint = Endpoint::default();
        let record = Record::of(endpoint.authorize());
        Self {
            budget,
            rules,
            endpoint,
            history: vec![record.clone()],
            record,
            lease: None,
            processes: vec![Process::new(); budget.processes],
            wish: None,
            dead: None,
            stored: vec![1],
            minted: Vec::new(),
            excused: vec![false],
        }
    }

    /// With more than three processes, the last has no grant keys and asks the others.
    fn may_exchange(&self, process: usize) -> bool {
        process < 3
    }

    /// Lets it happen. Tells which promise it broke, if one.
    pub(super) fn apply(&mut self, action: Action) -> Result<(), Broken> {
        if action.is_fault() {
            self.budget.faults -= 1;
        }
        match action {
            Action::Start(process) => self.start(process),
            Action::Step(process) => return self.step(process),
            Action::Compare(process) => self.compare(process),
            Action::Restart(process) => self.processes[process].start(),
            Action::Thaw(process) => {
                let process = &mut self.processes[process];
                process.frozen = false;
                // It finds that its connections to the store are lost.
                process.is_to_compare |= process.away_long;
            }
            Action::TimePasses => self.pass_time(),
            Action::Expire => {
                self.budget.expiries -= 1;
                self.dead = Some(self.record.generation);
                self.processes.iter_mut().for_each(|process| process.waits = process.up);
            }
            Action::Reconnect => self.reconnect(),
            Action::Crash(process) => self.crash(process),
            Action::Freeze(process) => self.processes[process].frozen = true,
            Action::Fail(process) => return self.fail(process),
            Action::LoseReply(process) => return self.lose_reply(process),
            Action::GoBack(to) => {
                self.record = self.history[to].clone();
                self.history.truncate(to + 1);
                for process in &mut self.processes {
                    process.is_to_compare |= process.kept.is_some();
                    process.doubts_store = true;
                    process.run.iter_mut().for_each(|run| run.lost_store = true);
                }
            }
            Action::LoseLease => self.lease = None,
            Action::CallerGoes(process) => self.processes[process].run = None,
        }
        Ok(())
    }

    fn pass_time(&mut self) {
        self.lease = None;
        if let Some(intent) = &mut self.record.intent {
            intent.settled = true;
        }
        for old in &mut self.history {
            if let Some(intent) = &mut old.intent {
                intent.settled = true;
            }
        }
        for process in self.processes.iter_mut().filter(|process| !process.can_act()) {
            process.away_long = true;
            let Some(run) = &mut process.run else { continue };
            run.intended_lately = false;
            if let Some(Reply::Token(token)) = run.in_flight {
                self.excused[usize::from(token.family)] = true;
            }
            run.in_flight = run.in_flight.map(|_| Reply::Lost);
        }
    }

    fn reconnect(&mut self) {
        self.budget.reconnects -= 1;
        let old = self.record.token.family;
        let family = self.endpoint.authorize();
        self.record = Record::of(family);
        self.history = vec![self.record.clone()];
        self.stored.push(1);
        self.excused.push(false);
        self.endpoint.revoke(old);
        self.excused[usize::from(old)] = true;
        self.processes.iter_mut().for_each(|process| process.waits = process.up);
    }

    fn crash(&mut self, process: usize) {
        self.excuse_unread(process);
        if self.lease == Some(process) {
            // Whoever starts in its place has another name.
            self.lease = Some(usize::MAX);
        }
        self.processes[process].crash();
    }

    /// What was answered and not yet kept goes with its process.
    fn excuse_unread(&mut self, process: usize) {
        let Some(run) = &self.processes[process].run else { return };
        if let Some(Reply::Token(token)) = run.in_flight.filter(|_| !run.is_kept) {
            self.excused[usize::from(token.family)] = true;
        }
    }

    fn start(&mut self, index: usize) {
        let may_exchange = self.may_exchange(index);
        let process = &mut self.processes[index];
        let want = match (process.uses, self.wish) {
            (Some(old), _) if process.waits => Want::After(old),
            (None, _) if process.waits => Want::Any,
            (_, Some(Some(old))) => Want::After(old),
            _ => Want::Any,
        };
        let mut procedure = Procedure::new(want, process.uses, may_exchange);
        let ask = procedure.begin();
        process.run = Some(Run {
            procedure,
            ask,
            has_lease: false,
            record: None,
            attempt: AttemptId::from(format!("{index}.0")),
            intended_lately: false,
            lost_store: false,
            has_waited_enough: false,
            in_flight: None,
            earned: None,
            is_kept: false,
        });
    }

    fn compare(&mut self, index: usize) {
        (self.processes[index].is_to_compare, self.processes[index].away_long) = (false, false);
        let Some(kept) = self.processes[index].kept.clone().filter(|_| self.rules.stores_again) else { return };
        let went_back = kept.outcome.generation.supersedes_in_epoch(self.record.generation)
            && kept.spent.contains(&self.record.token);
        if went_back {
            let again = Outcome { spent: self.record.token, ..kept.outcome };
            self.commit(&again);
        }
    }
}
