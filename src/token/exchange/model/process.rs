//! One process: what it has in memory, what on its disk, and the procedure that it is carrying out.

use super::store::{Outcome, Record, Token};
use crate::connection::Generation;
use crate::store::AttemptId;
use crate::token::exchange::procedure::{Ask, Procedure};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) up: bool,
    /// Not scheduled by its host at the moment.
    pub(super) frozen: bool,
    /// It was away, frozen or dead, for longer than others wait for word from it, and has not given any since.
    pub(super) away_long: bool,
    /// Calls wait for a generation.
    pub(super) waits: bool,
    /// The generation in use.
    pub(super) uses: Option<Generation>,
    /// What it has exchanged for: the newest outcome, and what was spent on the way there.
    pub(super) kept: Option<Kept>,
    /// What its disk has of that.
    pub(super) journal: Option<Kept>,
    /// Whether it has yet to compare what it has kept with the store.
    pub(super) is_to_compare: bool,
    /// Whether it has lost the store and not yet given others the time to say that it went back.
    pub(super) doubts_store: bool,
    pub(super) run: Option<Run>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kept {
    pub(super) outcome: Outcome,
    pub(super) spent: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Run {
    pub(super) procedure: Procedure,
    pub(super) ask: Ask,
    pub(super) has_lease: bool,
    pub(super) record: Option<Record>,
    pub(super) attempt: AttemptId,
    /// Whether the intent was written a moment ago, as far as this process can tell.
    pub(super) intended_lately: bool,
    /// Whether the store was lost since the lease was asked for.
    pub(super) lost_store: bool,
    /// Whether whoever knew a successor had given no word for too long when the intent was written: that a spent token is
    /// sent then is what nobody can prevent.
    pub(super) has_waited_enough: bool,
    /// The endpoint has answered, and the answer is on its way.
    pub(super) in_flight: Option<Reply>,
    pub(super) earned: Option<Outcome>,
    /// Whether a crash does not lose what was earned any more.
    pub(super) is_kept: bool,
}

/// What the endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reply {
    Token(Token),
    Refused,
    /// It will not arrive.
    Lost,
}

impl Process {
    pub(super) fn new() -> Self {
        Self {
            up: true,
            frozen: false,
            away_long: false,
            waits: false,
            uses: None,
            kept: None,
            journal: None,
            is_to_compare: false,
            doubts_store: false,
            run: None,
        }
    }

    pub(super) fn can_act(&self) -> bool {
        self.up && !self.frozen
    }

    /// Keeps an outcome in memory and in the journal.
    pub(super) fn keep(&mut self, outcome: Outcome, in_journal: bool) {
        let mut spent = match &self.kept {
            Some(kept) if kept.outcome.new.family == outcome.new.family => kept.spent.clone(),
            _ => Vec::new(),
        };
        spent.push(outcome.spent);
        self.kept = Some(Kept { outcome, spent });
        if in_journal {
            self.journal.clone_from(&self.kept);
        }
    }

    /// Dies at once: all that is not on a disk is gone.
    pub(super) fn crash(&mut self) {
        *self = Self { up: false, journal: self.journal.take(), away_long: self.away_long, ..Self::new() };
    }

    /// Starts again with what the disk has.
    pub(super) fn start(&mut self) {
        *self = Self {
            away_long: self.away_long,
            kept: self.journal.clone(),
            journal: self.journal.take(),
            is_to_compare: true,
            ..Self::new()
        };
    }

    /// Whether it knows of a newer token than this one of the same authorization.
    pub(super) fn knows_successor(&self, token: Token) -> bool {
        let newer = |outcome: &Outcome| outcome.new.family == token.family && outcome.new.number > token.number;
        let in_hand = self.run.as_ref().and_then(|run| run.earned.as_ref());
        let kept = self.kept.iter().chain(&self.journal).map(|kept| &kept.outcome);
        kept.chain(in_hand).any(newer)
    }
}
