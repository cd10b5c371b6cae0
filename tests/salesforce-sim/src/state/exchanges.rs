//! What became of every exchange of a refresh token: who asked, what it was answered, and whether the answer can have
//! arrived. Whoever asks is told apart by the client secret, of which an app can have several.

use std::time::Instant;

use super::World;

/// A refresh request that was judged.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The org of the grant that the token belongs to, by its 18-character id.
    pub org_id: String,
    /// The client secret with which it was asked.
    pub client_secret: String,
    /// When it was judged.
    pub at: Instant,
    /// What it came to.
    pub result: Exchanged,
    /// What became of the answer.
    pub fate: Fate,
}

/// What a refresh request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchanged {
    /// Tokens were issued.
    Issued {
        /// Whether the session issued before them had not ended.
        early: bool,
    },
    /// The token had been rotated out; its family is revoked.
    Spent,
    /// Refused for another reason.
    Refused,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The client had gone before it was ready.
    Unasked,
    /// A fault kept it back, or half of it.
    Lost,
    /// It was put on the wire; a client that died since may not have read it.
    HandedOver,
}

impl World {
    /// Writes down an exchange and returns its number.
    pub(crate) fn note_exchange(&mut self, token: &str, client_secret: &str, result: Exchanged) -> Option<usize> {
        let grant = *self.refresh_tokens.get(token)?;
        self.exchanges.push(Exchange {
            org_id: self.users[self.user_of_grant(grant)].org_id.clone(),
            client_secret: client_secret.to_owned(),
            at: Instant::now(),
            result,
            fate: Fate::Unasked,
        });
        Some(self.exchanges.len() - 1)
    }

    /// Notes what became of the answer to an exchange.
    pub(crate) fn note_fate(&mut self, exchange: usize, fate: Fate) {
        self.exchanges[exchange].fate = fate;
    }
}
