//! What a procedure asks, carried out on the model: as it should be, with a failure, or without word of its effect.

use super::{Broken, World};
use crate::connection::{Cause, Generation};
use crate::store::Committed;
use crate::token::exchange::model::process::{Reply, Run};
use crate::token::exchange::model::store::{Intent, Outcome, Token, epoch};
use crate::token::exchange::outcome::Waiting;
use crate::token::exchange::procedure::{Answer, Ask, Finish, NotReady, OpenIntent, Seen, Sends, SentSaid};
use crate::token::{TokenError, Unavailable};

impl World {
    pub(super) fn run(&mut self, index: usize) -> &mut Run {
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

    pub(super) fn step(&mut self, index: usize) -> Result<(), Broken> {
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

    pub(super) fn fail(&mut self, index: usize) -> Result<(), Broken> {
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

    pub(super) fn lose_reply(&mut self, index: usize) -> Result<(), Broken> {
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
}
