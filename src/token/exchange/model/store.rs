//! A store of one connection, and the token endpoint behind it.

use crate::connection::{Epoch, Generation};
use crate::store::AttemptId;

/// A refresh token: which authorization, and the how-manieth of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Token {
    pub(super) family: u8,
    pub(super) number: u8,
}

/// What a good exchange brings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outcome {
    pub(super) attempt: AttemptId,
    pub(super) generation: Generation,
    pub(super) spent: Token,
    pub(super) new: Token,
}

/// An intent; whether it is old is all that its time matters for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Intent {
    pub(super) attempt: AttemptId,
    pub(super) settled: bool,
}

/// The record. Its epoch is the family of its token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Record {
    pub(super) generation: Generation,
    pub(super) token: Token,
    pub(super) reauthorize: bool,
    pub(super) intent: Option<Intent>,
    pub(super) done: Vec<AttemptId>,
}

pub(super) fn epoch(family: u8) -> Epoch {
    Epoch::try_from(format!("{family:x}")).unwrap()
}

impl Record {
    /// A connection just made.
    pub(super) fn of(family: u8) -> Self {
        Self {
            generation: Generation { epoch: epoch(family), number: 1 },
            token: Token { family, number: 0 },
            reauthorize: false,
            intent: None,
            done: Vec::new(),
        }
    }
}

/// The token endpoint: rotates, and ends an authorization whose spent token comes again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Endpoint {
    /// For each authorization: the number of its live token, if it lives.
    pub(super) live: Vec<Option<u8>>,
}

impl Endpoint {
    /// A new authorization with its first token.
    pub(super) fn authorize(&mut self) -> u8 {
        self.live.push(Some(0));
        u8::try_from(self.live.len() - 1).unwrap()
    }

    pub(super) fn revoke(&mut self, family: u8) {
        self.live[usize::from(family)] = None;
    }

    /// Exchanges; `None` is the definite refusal.
    pub(super) fn exchange(&mut self, token: Token) -> Option<Token> {
        let live = &mut self.live[usize::from(token.family)];
        match *live {
            Some(number) if number == token.number => {
                *live = Some(number + 1);
                Some(Token { number: number + 1, ..token })
            }
            _ => {
                *live = None;
                None
            }
        }
    }
}
