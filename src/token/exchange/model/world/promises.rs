//! What must never have happened.

use super::{Broken, World};
use crate::connection::Generation;
use crate::token::exchange::model::store::{Token, epoch};

impl World {
    /// A token that is known to be spent is sent only when nobody could still say so.
    pub(super) fn refuse_known_spend(&mut self, token: Token, has_waited_enough: bool) -> Result<(), Broken> {
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

    /// Whether all who know a successor of this token have given no word for so long that nobody waits for it.
    pub(super) fn has_waited_enough(&self, token: Token) -> bool {
        let mut knowing = self.processes.iter().filter(|process| process.knows_successor(token)).peekable();
        knowing.peek().is_some() && knowing.all(|process| process.away_long)
    }

    /// A process uses a generation from now on: one that is stored, and none that is older than the last.
    pub(super) fn uses(&mut self, index: usize, generation: Generation) -> Result<(), Broken> {
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
    pub(in crate::token::exchange::model) fn check_end(&self) -> Result<(), Broken> {
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
