//! How a run ends: with the session that was found, with the one that was earned, or without any.

use std::time::Instant;

use super::{Earned, Finish, IN_ORDER, Run, outcome, unopened};
use crate::store::Row;
use crate::token::exchange::Obtained;
use crate::token::exchange::record::decided;
use crate::token::{SessionSecret, TokenError, Unavailable};

impl Run<'_> {
    pub(super) fn end(self, finish: Finish) -> Result<Obtained, TokenError> {
        match finish {
            Finish::Fail(error) => Err(error),
            Finish::AskHub => {
                let decided = decided(&self.row.expect(IN_ORDER).head, self.want);
                Err(decided.unwrap_or(TokenError::unavailable(Unavailable::NoHub)))
            }
            Finish::Adopt => {
                self.exchanger.rollbacks.forget(self.key);
                self.adopt()
            }
            Finish::Earned => {
                self.exchanger.rollbacks.forget(self.key);
                let Earned { commit, session, mismatch, .. } = self.earned.expect(IN_ORDER);
                outcome::note_change(self.key, &self.record.expect(IN_ORDER).head, &commit.head);
                match mismatch {
                    None => {
                        let stored = commit.head.attempt.as_ref().map(|_| Instant::now());
                        Ok(Obtained { earned: true, ..self.exchanger.obtained(commit.head, session, stored) })
                    }
                    Some(cause) => Err(TokenError::of(cause)),
                }
            }
        }
    }

    fn adopt(self) -> Result<Obtained, TokenError> {
        let Row { head, session, now } = self.row.expect(IN_ORDER);
        let sealed = session.expect(IN_ORDER);
        let session = SessionSecret::open(&self.exchanger.parts.vault, self.key, &sealed, head.generation)
            .map_err(|error| unopened(self.key, error))?;
        self.exchanger.parts.metrics.adopted.inc();
        Ok(self.exchanger.found(head, session, now))
    }
}
