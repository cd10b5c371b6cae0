//! The world of the model: what can happen next, and what must never have happened.

use super::explore::Budget;
use super::process::{Process, Reply, Run};
use super::store::{Endpoint, Intent, Outcome, Record, Token, epoch};
use crate::connection::{Cause, Generation, Status};
use crate::store::{AttemptId, Committed};
use crate::token::exchange::outcome::Waiting;
use crate::token::exchange::procedure::{
    Answer, Ask, Finish, IntentSaid, NotReady, OpenIntent, Procedure, Seen, Sends, SentSaid, Want,
};
use crate::token::{TokenError, Unavailable};

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

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
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
    pub(super) fn is_fault(self) -> bool {
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

    /// Everything that can happen now.
    pub(super) fn actions(&self) -> Vec<Action> {
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

    fn somebody_is_to_compare(&self) -> bool {
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

    fn run(&mut self, index: usize) -> &mut Run {
        self.processes[index].run.as_mut().expect("only a run steps")
    }

    fn tell(&mut self, index: usize, answer: Answer) -> Result<(), Broken> {
        let run = self.run(index);
        run.ask = run.procedure.next(answer);
        match run.ask.clone() {
            Ask::Finish(finish) => self.finish(index, &finish),
            _ => Ok(()),
        }
    }

    fn step(&mut self, index: usize) -> Result<(), Broken> {
        let answer = match self.run(index).ask.clone() {
            Ask::Read => Answer::Record(Ok(Some(self.read(index)))),
            Ask::TakeLease => {
                let had = self.lease.is_none_or(|holder| holder == index);
                if had {
                    self.lease = Some(index);
                }
                let run = self.run(index);
                (run.has_lease, run.lost_store, run.earned, run.is_kept) = (had, false, None, false);
                Answer::Lease(Ok(had))
            }
            Ask::CallForSuccessors => {
                let knowing = self.processes.iter_mut().filter(|process| process.kept.is_some());
                knowing.for_each(|process| process.is_to_compare = true);
                Answer::Done
            }
            Ask::Prepare if self.doubts_store(index) => Answer::Prepared(Err(NotReady::Wait(Waiting::Store))),
            Ask::Prepare => Answer::Prepared(Ok(match self.budget.spends {
                true => Sends::RefreshToken,
                false => Sends::Nothing,
            })),
            Ask::Dial => {
                self.run(index).intended_lately = true;
                Answer::Dialled(true)
            }
            Ask::WriteIntent { replaces } => Answer::Intent(Ok(self.write_intent(index, replaces.as_ref()))),
            Ask::Send => match self.send(index)? {
                None => return Ok(()),
                Some(said) => Answer::Sent(said),
            },
            Ask::Keep => {
                self.keep(index);
                Answer::Done
            }
            Ask::Store => Answer::Stored(Ok(match self.run(index).earned.clone() {
                Some(outcome) => self.commit(&outcome),
                None => Committed::Superseded,
            })),
            Ask::Revoke => {
                if let Some(outcome) = self.run(index).earned.clone() {
                    self.endpoint.revoke(outcome.new.family);
                }
                Answer::Done
            }
            Ask::SetStatus(cause) => Answer::Stated(self.set_status(index, cause)),
            Ask::ClearIntent => {
                self.clear_intent(index);
                Answer::Done
            }
            Ask::ReleaseLease => {
                self.lease = self.lease.filter(|holder| *holder != index);
                self.run(index).has_lease = false;
                Answer::Done
            }
            Ask::Pause(waiting) => {
                if waiting == Waiting::Successors {
                    self.give_up_on_the_away();
                }
                Answer::Done
            }
            Ask::Finish(_) => unreachable!("a finished run is gone"),
        };
        self.tell(index, answer)
    }

    fn fail(&mut self, index: usize) -> Result<(), Broken> {
        let away = TokenError::unavailable(Unavailable::Store);
        let answer = match self.run(index).ask {
            Ask::Read => Answer::Record(Err(away)),
            Ask::TakeLease => Answer::Lease(Err(away)),
            Ask::Dial => Answer::Dialled(false),
            Ask::WriteIntent { .. } => Answer::Intent(Err(away)),
            Ask::Send => Answer::Sent(SentSaid::Unknown),
            Ask::Store => Answer::Stored(Err(away)),
            Ask::SetStatus(_) => Answer::Stated(true),
            _ => Answer::Done,
        };
        self.tell(index, answer)
    }

    fn lose_reply(&mut self, index: usize) -> Result<(), Broken> {
        match self.run(index).ask.clone() {
            Ask::WriteIntent { replaces } => {
                self.write_intent(index, replaces.as_ref());
            }
            Ask::Store => {
                if let Some(outcome) = self.run(index).earned.clone() {
                    self.commit(&outcome);
                }
            }
            Ask::SetStatus(cause) => {
                self.set_status(index, cause);
            }
            Ask::ClearIntent => self.clear_intent(index),
            _ => {
                self.excuse_unread(index);
                self.run(index).in_flight = None;
            }
        }
        self.fail(index)
    }

    fn read(&mut self, index: usize) -> Seen {
        let (now, reads_again) = (self.record.clone(), self.rules.reads_again_under_lease);
        let run = self.run(index);
        let found = match &run.record {
            Some(read) if run.has_lease && !reads_again => read.clone(),
            _ => now,
        };
        if run.earned.is_none() {
            run.record = Some(found.clone());
        }
        Seen {
            generation: found.generation,
            ended: found.reauthorize.then_some(TokenError::Reauthorize(Cause::Revoked)),
            serves: true,
            open: found.intent.map(|Intent { attempt, settled }| OpenIntent { attempt, settled }),
        }
    }

    /// Whether the record is still the one that the run has read.
    fn is_at(&self, index: usize) -> bool {
        let read = self.processes[index].run.as_ref().and_then(|run| run.record.as_ref());
        read.is_some_and(|read| {
            let (here, there) = (self.record.generation, read.generation);
            here.number == there.number && (here.epoch == there.epoch || !self.rules.heeds_epochs)
        })
    }

    fn write_intent(&mut self, index: usize, replaces: Option<&AttemptId>) -> IntentSaid {
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

    /// Whoever is not there when word is asked for, or is waited for, is not waited for longer.
    fn give_up_on_the_away(&mut self) {
        let away = self.processes.iter_mut().filter(|process| !process.can_act());
        away.for_each(|process| process.away_long = true);
    }

    /// Whether a process gives others time, since it has lost the store.
    fn doubts_store(&mut self, index: usize) -> bool {
        if self.processes[index].doubts_store && !self.somebody_is_to_compare() {
            self.give_up_on_the_away();
            self.processes[index].doubts_store = false;
        }
        self.processes[index].doubts_store
    }

    /// Whether all who know a successor of this token have given no word for so long that nobody waits for it.
    fn has_waited_enough(&self, token: Token) -> bool {
        let mut knowing = self.processes.iter().filter(|process| process.knows_successor(token)).peekable();
        knowing.peek().is_some() && knowing.all(|process| process.away_long)
    }

    /// First the endpoint answers, then the answer arrives.
    fn send(&mut self, index: usize) -> Result<Option<SentSaid>, Broken> {
        let run = self.run(index);
        let token = run.record.as_ref().expect("read before").token;
        match run.in_flight {
            None if run.lost_store || !run.intended_lately => return Ok(Some(SentSaid::Late)),
            None => {}
            Some(Reply::Refused) => {
                run.in_flight = None;
                return Ok(Some(SentSaid::Refused(Cause::Revoked)));
            }
            Some(Reply::Lost) => {
                run.in_flight = None;
                return Ok(Some(SentSaid::Unknown));
            }
            Some(Reply::Token(new)) => {
                if !self.rules.stores_before_use {
                    let generation = Generation { epoch: epoch(new.family), number: u64::from(new.number) + 1 };
                    self.uses(index, generation)?;
                }
                return Ok(Some(SentSaid::Tokens));
            }
        }
        let has_waited_enough = run.has_waited_enough || self.has_waited_enough(token);
        let reply = match self.budget.spends {
            true => {
                self.refuse_known_spend(token, has_waited_enough)?;
                self.endpoint.exchange(token).map_or(Reply::Refused, Reply::Token)
            }
            false => {
                let new = Token { number: token.number + 1, ..token };
                if self.minted.contains(&new) {
                    return Err(format!("{token:?} was exchanged for twice"));
                }
                self.minted.push(new);
                Reply::Token(new)
            }
        };
        self.run(index).in_flight = Some(reply);
        Ok(None)
    }

    fn refuse_known_spend(&mut self, token: Token, has_waited_enough: bool) -> Result<(), Broken> {
        let family = usize::from(token.family);
        let is_spent = self.endpoint.live[family] != Some(token.number);
        if !is_spent || self.excused[family] {
            return Ok(());
        }
        if !has_waited_enough {
            return Err(format!("{token:?} was sent after a known spend"));
        }
        self.excused[family] = true;
        Ok(())
    }

    fn keep(&mut self, index: usize) {
        let (holds_lease, rules) = (self.lease == Some(index), self.rules);
        let process = &mut self.processes[index];
        let run = process.run.as_mut().expect("only a run keeps");
        let Some(Reply::Token(new)) = run.in_flight.take() else { return };
        let read = run.record.as_ref().expect("read before");
        run.is_kept = true;
        if !holds_lease && !rules.keeps_answers_without_lease {
            return;
        }
        let outcome =
            Outcome { attempt: run.attempt.clone(), generation: read.generation.next(), spent: read.token, new };
        run.earned = Some(outcome.clone());
        process.keep(outcome, rules.keeps_a_journal);
    }

    fn commit(&mut self, outcome: &Outcome) -> Committed {
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

    fn set_status(&mut self, index: usize, cause: Cause) -> bool {
        let current = self.is_at(index);
        if current && cause.status() == Status::Reauthorize {
            self.record.reauthorize = true;
            self.history.push(self.record.clone());
        }
        current
    }

    fn clear_intent(&mut self, index: usize) {
        let attempt = self.run(index).attempt.clone();
        if self.record.intent.as_ref().is_some_and(|intent| intent.attempt == attempt) {
            self.record.intent = None;
            self.history.push(self.record.clone());
        }
    }

    fn finish(&mut self, index: usize, finish: &Finish) -> Result<(), Broken> {
        let process = &mut self.processes[index];
        let run = process.run.take().expect("only a run finishes");
        let read = run.record.as_ref().map(|record| record.generation);
        match finish {
            Finish::Adopt => self.uses(index, read.expect("read before"))?,
            Finish::Earned => self.uses(index, run.earned.expect("kept before").generation)?,
            Finish::AskHub => self.wish = Some(process.uses),
            Finish::Fail(TokenError::NotConnected | TokenError::Reauthorize(_)) => {
                (process.waits, process.uses) = (false, None);
                self.wish = None;
            }
            // Whoever waited is told to come again, and does.
            Finish::Fail(_) => {}
        }
        Ok(())
    }

    fn uses(&mut self, index: usize, generation: Generation) -> Result<(), Broken> {
        let family = self.stored.iter().zip(0..).find(|(_, family)| epoch(*family) == generation.epoch);
        if family.is_none_or(|(stored, _)| *stored < generation.number) {
            return Err(format!("{generation} is used before it is stored"));
        }
        let process = &mut self.processes[index];
        let went_back = process.uses.is_some_and(|old| old.supersedes_in_epoch(generation));
        if went_back {
            return Err(format!("what process {index} uses went back to {generation}"));
        }
        process.uses = Some(generation);
        process.waits =
            self.dead.is_some_and(|dead| dead.epoch == generation.epoch && dead.number >= generation.number);
        if self.wish.is_some_and(|wish| wish.is_none_or(|old| generation.supersedes(old))) {
            self.wish = None;
        }
        Ok(())
    }

    /// What must hold once nothing can happen any more: every waiter has its answer, and no refresh token is lost.
    pub(super) fn check_end(&self) -> Result<(), Broken> {
        if let Some(index) = self.processes.iter().position(|process| process.waits || process.run.is_some()) {
            return Err(format!("process {index} waits without end"));
        }
        let token = self.record.token;
        if self.excused[usize::from(token.family)] || !self.budget.spends {
            return Ok(());
        }
        if usize::from(token.family) + 1 != self.stored.len() {
            return Err("an old authorization came back over a new one".to_owned());
        }
        if self.record.reauthorize || self.endpoint.live[usize::from(token.family)] != Some(token.number) {
            return Err(format!("the refresh token after {token:?} was lost"));
        }
        Ok(())
    }
}
