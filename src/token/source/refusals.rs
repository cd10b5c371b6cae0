//! What an org's refusals and acceptances say: whether a session is dead, or an org refuses even a fresh one.

use std::sync::Arc;
use std::time::Instant;

use super::TokenSource;
use crate::connection::{Cause, Generation, Status};
use crate::salesforce::{ApiFamily, ErrorCode};
use crate::token::slot::State;
use crate::token::{Session, Slot, TokenError};

fn refused_fresh(code: Option<ErrorCode>) -> TokenError {
    TokenError::Misconfigured { cause: Cause::FreshTokenRefused, code }
}

impl TokenSource {
    /// Tells a dead session from an org that refuses a fresh one: then exchanges stop for a while.
    pub(super) fn judge_refusal(
        &self,
        slot: &Arc<Slot>,
        refused: &Session,
        family: ApiFamily,
        code: Option<ErrorCode>,
        sent: Instant,
    ) -> Result<(), TokenError> {
        let mut state = slot.state();
        self.refuse_while_cooling(&state, family, &code, self.clock().now())?;
        if let Some(age) = refused.known_age(sent).filter(|_| !refused.was_refused_by(family)) {
            self.0.parts.metrics.age_at_refusal.observe(age.as_secs_f64());
        }
        self.refuse_if_fresh(slot, &mut state, refused, family, code, sent)?;
        if let Some(last) = refused.last_use()
            && slot.session().as_ref().is_some_and(|held| held.generation == refused.generation)
        {
            state.lifetime.learn(sent.saturating_duration_since(last));
        }
        refused.note_refused(family);
        Ok(())
    }

    /// Fails while this family's refusal of a fresh token stops exchanges.
    pub(super) fn refuse_while_cooling(
        &self,
        state: &State,
        family: ApiFamily,
        code: &Option<ErrorCode>,
        now: Instant,
    ) -> Result<(), TokenError> {
        match state.cooling(family, now) {
            Some(first_code) => Err(refused_fresh(code.clone().or(first_code))),
            None => Ok(()),
        }
    }

    /// Fails, and stops exchanges for a while, if a session that was presented at `sent` was fresh then and never accepted.
    pub(super) fn refuse_if_fresh(
        &self,
        slot: &Arc<Slot>,
        state: &mut State,
        refused: &Session,
        family: ApiFamily,
        code: Option<ErrorCode>,
        sent: Instant,
    ) -> Result<(), TokenError> {
        if !refused.was_fresh(sent) || refused.was_accepted_by(family) {
            return Ok(());
        }
        state.cool(family, code.clone(), self.clock().now());
        slot.set_troubled(true);
        // What another host than the org's own refuses says nothing of the connection.
        if family.is_of_org() && !state.is_good_for_some(refused) {
            (state.status, state.cause) = (Status::Misconfigured, Some(Cause::FreshTokenRefused));
            self.write_status(slot, refused.generation, state.cause);
        }
        Err(refused_fresh(code))
    }

    pub(super) fn cure(&self, slot: &Arc<Slot>, generation: Generation, family: ApiFamily) {
        let mut state = slot.state();
        // A call that was sent with an older session says nothing of the one that was refused.
        if slot.session().as_ref().is_none_or(|held| held.generation != generation) {
            return;
        }
        let all_warm = state.warm(family);
        // Of the causes, only this one is disproved by a call: the others are about getting the next session.
        if state.cause == Some(Cause::FreshTokenRefused) {
            (state.status, state.cause) = (Status::Active, None);
            self.write_status(slot, generation, None);
        }
        slot.set_troubled(!all_warm);
    }

    /// Writes a status in a task of its own: it informs people, no call waits for it.
    fn write_status(&self, slot: &Arc<Slot>, read: Generation, cause: Option<Cause>) {
        let (source, slot) = (self.clone(), Arc::clone(slot));
        let write = async move {
            let status = cause.map_or(Status::Active, Cause::status);
            match cause {
                Some(cause) => tracing::warn!(connection = %slot.key, %status, %cause, "the org refuses a new token"),
                None => tracing::info!(connection = %slot.key, %status, "the org accepts the token again"),
            }
            // Without grant keys it is the hub that sees for itself and says so.
            let written = match &source.0.parts.ask_hub {
                Some(ask_hub) => ask_hub.check(&slot.key, read).await,
                None => source.0.parts.store.set_status(&slot.key, read, status, cause).await.map(drop),
            };
            if let Err(error) = written {
                tracing::warn!(connection = %slot.key, %status, %error, "the status could not be written");
            }
        };
        self.0.flights.spawn_on(write, &self.0.parts.runtime);
    }
}
