//! The order in which a generation is had, apart from all I/O: a machine that is told what its last step came to and
//! says what to do next. The order keeps a rotated refresh token from being lost or spent twice, whatever fails in
//! between: read, lease, read again, dial, intent, send, keep, store, and only then use. Every interleaving of several
//! such machines is tried in `model`.

mod words;

use super::outcome::Waiting;
use crate::connection::{Cause, Generation};
use crate::store::{AttemptId, Committed};
use crate::token::TokenError;

pub use self::words::Want;
pub(super) use self::words::{Answer, Ask, Finish, IntentSaid, NotReady, OpenIntent, Seen, Sends, SentSaid};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Begin,
    Reading,
    Leasing,
    ReadingAgain,
    CallingForSuccessors,
    AwaitingSuccessors,
    Preparing,
    Dialling,
    Intending,
    /// The intent may stand though nothing was sent.
    Withdrawing(Then),
    Sending,
    Keeping,
    Storing,
    StoringLater,
    /// Reading whether the authorization that was exchanged for is still the connection's.
    Judging,
    Revoking,
    Stating(Cause),
    Releasing(Then),
    CallingBack,
    Pausing(Waiting),
    Finished,
}

/// What follows once everything is put away.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Then {
    Pause(Waiting),
    Finish(Finish),
}

/// One task's way to a generation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Procedure {
    want: Want,
    may_exchange: bool,
    /// The newest generation that this process has seen of the connection.
    known: Option<Generation>,
    state: State,
    /// What was read last.
    seen: Option<Seen>,
    sends: Sends,
    called_for_successors: bool,
}

impl Procedure {
    /// A procedure at its beginning. `known` is the newest generation that this process has had in its hands: a store
    /// that holds an older one has gone back. Without `may_exchange`, adopting is all that can be done here.
    pub(super) fn new(want: Want, known: Option<Generation>, may_exchange: bool) -> Self {
        Self {
            want,
            may_exchange,
            known,
            state: State::Begin,
            seen: None,
            sends: Sends::RefreshToken,
            called_for_successors: false,
        }
    }

    /// The first thing to do.
    pub(super) fn begin(&mut self) -> Ask {
        self.go(State::Reading, Ask::Read)
    }

    /// What to do after the last thing came to `answer`.
    ///
    /// # Panics
    /// If the answer is none to what was asked.
    pub(super) fn next(&mut self, answer: Answer) -> Ask {
        match (std::mem::replace(&mut self.state, State::Finished), answer) {
            (State::Reading, Answer::Record(found)) => self.read(found),
            (State::Leasing, Answer::Lease(had)) => match had {
                Ok(true) => self.go(State::ReadingAgain, Ask::Read),
                Ok(false) => self.pause(Waiting::Lease),
                // It may have been taken all the same.
                Err(error) => self.release(Then::Finish(Finish::Fail(error))),
            },
            (State::ReadingAgain, Answer::Record(found)) => self.read_under_lease(found),
            (State::CallingForSuccessors, Answer::Done) => {
                self.go(State::AwaitingSuccessors, Ask::Pause(Waiting::Successors))
            }
            (State::AwaitingSuccessors, Answer::Done) => self.go(State::ReadingAgain, Ask::Read),
            (State::Preparing, Answer::Prepared(ready)) => match ready {
                Ok(sends) => {
                    self.sends = sends;
                    self.go(State::Dialling, Ask::Dial)
                }
                Err(NotReady::Refused(cause)) => self.go(State::Stating(cause), Ask::SetStatus(cause)),
                Err(NotReady::Wait(waiting)) => self.release(Then::Pause(waiting)),
                Err(NotReady::Fail(error)) => self.release(Then::Finish(Finish::Fail(error))),
            },
            (State::Dialling, Answer::Dialled(false)) => self.release(Then::Pause(Waiting::TokenEndpoint)),
            (State::Dialling, Answer::Dialled(true)) => match self.sends {
                Sends::RefreshToken => self.go(State::Intending, Ask::WriteIntent { replaces: self.replaced() }),
                Sends::Nothing => self.go(State::Sending, Ask::Send),
            },
            (State::Intending, Answer::Intent(said)) => match said {
                Ok(IntentSaid::Written) => self.go(State::Sending, Ask::Send),
                Ok(IntentSaid::Overtaken) => self.release(Then::Pause(Waiting::Lease)),
                Ok(IntentSaid::TooFewReplicas) => self.release(Then::Pause(Waiting::Store)),
                // It may have been written all the same.
                Err(error) => self.withdraw_own(Then::Finish(Finish::Fail(error))),
            },
            (State::Sending, Answer::Sent(said)) => self.sent(said),
            (State::Keeping, Answer::Done) => self.go(State::Storing, Ask::Store),
            (State::Storing, Answer::Stored(stored)) => match stored {
                Ok(Committed::Stored) => self.release(Then::Finish(Finish::Earned)),
                Ok(Committed::Superseded) => self.go(State::Judging, Ask::Read),
                // Another answer can be had as soon as the store is there to take it.
                Err(error) if self.sends == Sends::Nothing => self.release(Then::Finish(Finish::Fail(error))),
                // The answer cannot be had a second time: the store is tried again, never the exchange.
                Err(_) => self.go(State::StoringLater, Ask::Pause(Waiting::Stored)),
            },
            (State::StoringLater, Answer::Done) => self.go(State::Storing, Ask::Store),
            (State::StoringLater, Answer::LeftToJournal) => {
                self.go(State::Finished, Ask::Finish(Finish::Fail(Waiting::Store.error())))
            }
            (State::Judging, Answer::Record(found)) => self.judge(found),
            (State::Revoking, Answer::Done) => self.release(Then::Pause(Waiting::Lease)),
            // Its intent stays: it says that the outcome is unknown.
            (State::Stating(Cause::OutcomeUnknown), Answer::Stated(_)) => self.release(Then::Pause(Waiting::Outcome)),
            (State::Stating(cause), Answer::Stated(current)) => {
                // If the record moved meanwhile, the refusal was about an old token, and the new one is looked at.
                let refused = Then::Finish(Finish::Fail(TokenError::of(cause)));
                self.withdraw(if current { refused } else { Then::Pause(Waiting::Lease) })
            }
            (State::Withdrawing(then), Answer::Done) => self.release(then),
            (State::Releasing(then), Answer::Done) => match then {
                Then::Pause(waiting) => self.pause(waiting),
                Then::Finish(finish) => self.go(State::Finished, Ask::Finish(finish)),
            },
            (State::CallingBack, Answer::Done) => self.pause(Waiting::RolledBack),
            (State::Pausing(_), Answer::Done) => self.go(State::Reading, Ask::Read),
            (State::Pausing(waiting), Answer::OutOfTime) => {
                self.go(State::Finished, Ask::Finish(Finish::Fail(waiting.error())))
            }
            (state, answer) => panic!("{answer:?} is no answer in {state:?}"),
        }
    }

    fn read(&mut self, found: Result<Option<Seen>, TokenError>) -> Ask {
        match self.look(found) {
            Look::Finish(finish) => self.go(State::Finished, Ask::Finish(finish)),
            Look::RolledBack => self.go(State::CallingBack, Ask::CallForSuccessors),
            Look::Old if self.may_exchange => {
                self.called_for_successors = false;
                self.go(State::Leasing, Ask::TakeLease)
            }
            Look::Old => self.go(State::Finished, Ask::Finish(Finish::AskHub)),
        }
    }

    fn read_under_lease(&mut self, found: Result<Option<Seen>, TokenError>) -> Ask {
        match self.look(found) {
            Look::Finish(finish) => return self.release(Then::Finish(finish)),
            Look::RolledBack => return self.release(Then::Pause(Waiting::RolledBack)),
            Look::Old => {}
        }
        let open = self.seen.as_ref().and_then(|seen| seen.open.as_ref());
        match open.map(|open| open.settled) {
            None => self.go(State::Preparing, Ask::Prepare),
            Some(false) => self.release(Then::Pause(Waiting::Outcome)),
            // The token that works may be the last: its authorization is not put at risk while nobody needs another.
            Some(true) if matches!(self.want, Want::Ahead(_)) => {
                self.release(Then::Finish(Finish::Fail(Waiting::Outcome.error())))
            }
            Some(true) if self.called_for_successors => self.go(State::Preparing, Ask::Prepare),
            Some(true) => {
                self.called_for_successors = true;
                self.go(State::CallingForSuccessors, Ask::CallForSuccessors)
            }
        }
    }

    /// What a read means for what is wanted.
    fn look(&mut self, found: Result<Option<Seen>, TokenError>) -> Look {
        let seen = match found {
            Err(error) => return Look::Finish(Finish::Fail(error)),
            Ok(None) => return Look::Finish(Finish::Fail(TokenError::NotConnected)),
            Ok(Some(seen)) => seen,
        };
        let went_back = self.known.is_some_and(|known| known.supersedes_in_epoch(seen.generation));
        if !went_back {
            self.known = Some(seen.generation);
        }
        let look = match &seen.ended {
            _ if went_back => Look::RolledBack,
            Some(ended) => Look::Finish(Finish::Fail(ended.clone())),
            None if seen.serves && self.want.is_met_by(seen.generation) => Look::Finish(Finish::Adopt),
            None => Look::Old,
        };
        self.seen = Some(seen);
        look
    }

    fn sent(&mut self, said: SentSaid) -> Ask {
        let spends = self.sends == Sends::RefreshToken;
        match said {
            SentSaid::Tokens => self.go(State::Keeping, Ask::Keep),
            SentSaid::Late => self.withdraw_own(Then::Pause(Waiting::Lease)),
            SentSaid::Unspent(waiting) => self.withdraw_own(Then::Pause(waiting)),
            SentSaid::Refused(cause) => {
                // The answer to the earlier sending is lost for good, and the new refresh token with it.
                let lost = cause == Cause::Revoked && self.replaced().is_some();
                let cause = if lost { Cause::AnswerLost } else { cause };
                self.go(State::Stating(cause), Ask::SetStatus(cause))
            }
            SentSaid::Unknown if spends => {
                self.go(State::Stating(Cause::OutcomeUnknown), Ask::SetStatus(Cause::OutcomeUnknown))
            }
            SentSaid::Unknown => self.release(Then::Pause(Waiting::TokenEndpoint)),
        }
    }

    /// What was answered was not stored: its authorization is gone, or another exchange of it was stored, and then to
    /// revoke a token of the family would end that one too.
    fn judge(&mut self, found: Result<Option<Seen>, TokenError>) -> Ask {
        let Ok(found) = found else { return self.release(Then::Pause(Waiting::Lease)) };
        let epoch = self.seen.as_ref().map(|seen| seen.generation.epoch);
        let is_replaced = found.is_none_or(|found| Some(found.generation.epoch) != epoch);
        match is_replaced {
            true => self.go(State::Revoking, Ask::Revoke),
            false => self.release(Then::Pause(Waiting::Lease)),
        }
    }

    /// The attempt of the intent that was found open.
    fn replaced(&self) -> Option<AttemptId> {
        self.seen.as_ref()?.open.as_ref().map(|open| open.attempt.clone())
    }

    /// Takes the intent away, if this exchange writes one, then gives the lease back.
    fn withdraw(&mut self, then: Then) -> Ask {
        match self.sends {
            Sends::RefreshToken => self.go(State::Withdrawing(then), Ask::ClearIntent),
            Sends::Nothing => self.release(then),
        }
    }

    /// As [`Procedure::withdraw`], where nothing came of sending, or nothing was sent. That tells nothing of an earlier
    /// sending of unknown outcome: the intent that has taken the place of that one's stays, and the doubt with it.
    fn withdraw_own(&mut self, then: Then) -> Ask {
        match self.replaced() {
            Some(_) => self.release(then),
            None => self.withdraw(then),
        }
    }

    fn release(&mut self, then: Then) -> Ask {
        self.go(State::Releasing(then), Ask::ReleaseLease)
    }

    fn pause(&mut self, waiting: Waiting) -> Ask {
        self.go(State::Pausing(waiting), Ask::Pause(waiting))
    }

    fn go(&mut self, state: State, ask: Ask) -> Ask {
        self.state = state;
        ask
    }
}

enum Look {
    Finish(Finish),
    RolledBack,
    /// Nothing there that meets what is wanted.
    Old,
}
