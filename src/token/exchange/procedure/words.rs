//! The words that a procedure and whoever carries it out speak with: what is asked, what is answered.

use super::super::outcome::Waiting;
use crate::connection::{Cause, Generation};
use crate::store::{AttemptId, Committed};
use crate::token::TokenError;

/// What a generation is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// For calls, and there is none in memory: the stored one will do.
    Any,
    /// For calls: the org has refused this one.
    After(Generation),
    /// Ahead of its time: this one still works, so that nothing is risked for its successor.
    Ahead(Generation),
}

impl Want {
    /// Whether `found` is what is wanted.
    pub(in crate::token) fn is_met_by(self, found: Generation) -> bool {
        match self {
            Self::Any => true,
            Self::After(old) | Self::Ahead(old) => found.supersedes(old),
        }
    }

    /// The generation that is to be replaced.
    pub fn old(self) -> Option<Generation> {
        match self {
            Self::Any => None,
            Self::After(old) | Self::Ahead(old) => Some(old),
        }
    }
}

/// What a record that was read says to the procedure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::token::exchange) struct Seen {
    /// Which generation it holds.
    pub(in crate::token::exchange) generation: Generation,
    /// Why nothing is done for the connection, if nothing is.
    pub(in crate::token::exchange) ended: Option<TokenError>,
    /// Whether it has a session that may be used.
    pub(in crate::token::exchange) serves: bool,
    /// An exchange that has begun and has no known outcome.
    pub(in crate::token::exchange) open: Option<OpenIntent>,
}

/// An intent that was found open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::token::exchange) struct OpenIntent {
    /// Whose it is.
    pub(in crate::token::exchange) attempt: AttemptId,
    /// Whether it is so old that its exchange cannot be under way any more.
    pub(in crate::token::exchange) settled: bool,
}

/// What the procedure wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::token::exchange) enum Ask {
    /// Read the record: [`Answer::Record`].
    Read,
    /// Take the lease: [`Answer::Lease`].
    TakeLease,
    /// Ask whoever knows a successor of what the store holds to store it again: [`Answer::Done`].
    CallForSuccessors,
    /// Make ready what is needed to send: [`Answer::Prepared`].
    Prepare,
    /// Connect to the token endpoint, TLS finished: [`Answer::Dialled`].
    Dial,
    /// Write that the refresh token is about to be sent, in the place of an intent that was found open:
    /// [`Answer::Intent`].
    WriteIntent {
        /// The attempt whose open intent is replaced.
        replaces: Option<AttemptId>,
    },
    /// Send, once: [`Answer::Sent`].
    Send,
    /// Keep what was answered where a crash or a store that goes back does not reach it: [`Answer::Done`].
    Keep,
    /// Store what was answered: [`Answer::Stored`].
    Store,
    /// Revoke what was answered: its authorization was replaced meanwhile: [`Answer::Done`].
    Revoke,
    /// Write the status that goes with this cause, if the record is still the one that was read: [`Answer::Stated`].
    SetStatus(Cause),
    /// Remove the intent: its refresh token is known to be unspent, or nothing was sent: [`Answer::Done`].
    ClearIntent,
    /// Give the lease back: [`Answer::Done`].
    ReleaseLease,
    /// Wait for this before the next look: [`Answer::Done`]; or [`Answer::OutOfTime`] if the whole would take longer than
    /// anybody waits, and there is nothing to be lost.
    Pause(Waiting),
    /// Nothing more.
    Finish(Finish),
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::token::exchange) enum Answer {
    /// It is done, or as good as can be.
    Done,
    /// What was read; `None` if there is no such connection.
    Record(Result<Option<Seen>, TokenError>),
    /// Whether the lease was had.
    Lease(Result<bool, TokenError>),
    /// Whether an exchange can be sent.
    Prepared(Result<Sends, NotReady>),
    /// Whether the token endpoint was reached.
    Dialled(bool),
    /// What came of writing the intent.
    Intent(Result<IntentSaid, TokenError>),
    /// What came of sending.
    Sent(SentSaid),
    /// What came of storing. The store does not answer: `Err`.
    Stored(Result<Committed, TokenError>),
    /// The process stops and what was answered is kept: it is stored at the next start.
    LeftToJournal,
    /// Whether the record was still the one that had been read.
    Stated(bool),
    /// The wait would be longer than anybody waits.
    OutOfTime,
}

/// What an exchange will send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::token::exchange) enum Sends {
    /// A refresh token, which the exchange may spend.
    RefreshToken,
    /// Nothing that can be spent.
    Nothing,
}

/// Why no exchange can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::token::exchange) enum NotReady {
    /// Something must be changed first.
    Refused(Cause),
    /// Not now.
    Wait(Waiting),
    /// Not for longer than anybody waits.
    Fail(TokenError),
}

/// What came of writing an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::token::exchange) enum IntentSaid {
    /// Written.
    Written,
    /// Somebody else is at work on the connection.
    Overtaken,
    /// Too few replicas have it; it was taken back.
    TooFewReplicas,
}

/// What came of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::token::exchange) enum SentSaid {
    /// Not sent: this process has been paused since the intent, and others may have begun to act; or it has lost the store
    /// since, and others may have to say that it went back.
    Late,
    /// New tokens.
    Tokens,
    /// No tokens, and nothing is spent.
    Unspent(Waiting),
    /// A definite refusal.
    Refused(Cause),
    /// Nobody can tell.
    Unknown,
}

/// How a procedure ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::token::exchange) enum Finish {
    /// With the session of the record that was read last.
    Adopt,
    /// With the session that was exchanged for and stored.
    Earned,
    /// Only a hub can get what is wanted.
    AskHub,
    /// Without a session.
    Fail(TokenError),
}
