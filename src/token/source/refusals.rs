//! What an org's refusals and acceptances say: whether a session is dead, or an org refuses even a fresh one.

use std::sync::Arc;
use std::time::Instant;

use super::TokenSource;
use crate::connection::{Cause, Generation, Status};
use crate::salesforce::{ApiFamily, ErrorCode};
use crate::token::slot::State;
use crate::token::{Session, Slot, TokenError};

/// A session that a host refused, by what is known of the call that was sent with it.
#[derive(Clone)]
pub struct RefusedSession<'a> {
    /// The connection's.
    pub slot: &'a Arc<Slot>,
    /// What the call was sent with.
    pub session: &'a Arc<Session>,
    /// What was called.
    pub family: ApiFamily,
    /// Salesforce's own word for the refusal, where the answer has one.
    pub code: Option<ErrorCode>,
    /// When the call was sent.
    pub sent: Instant,
}

fn refused_fresh(code: Option<ErrorCode>) -> TokenError {
    TokenError::Misconfigured { cause: Cause::FreshTokenRefused, code }
}

impl TokenSource {
    /// Tells a dead session from an org that refuses a fresh one: then exchanges stop for a while.
    pub(super) fn judge_refusal(&self, refused: &RefusedSession<'_>) -> Result<(), TokenError> {
        let RefusedSession { slot, session, family, sent, .. } = *refused;
        let mut state = slot.state();
        self.refuse_while_cooling(&state, refused)?;
        if let Some(age) = session.known_age(sent).filter(|_| !session.was_refused_by(family)) {
            self.0.parts.metrics.age_at_refusal.observe(age.as_secs_f64());
        }
        self.refuse_if_fresh(&mut state, refused)?;
        if let Some(last) = session.last_use()
            && slot.session().as_ref().is_some_and(|held| held.generation == session.generation)
        {
            state.lifetime.learn(sent.saturating_duration_since(last));
        }
        session.note_refused(family);
        Ok(())
    }

    /// Fails while this family's refusal of a fresh token stops exchanges.
    pub(super) fn refuse_while_cooling(&self, state: &State, refused: &RefusedSession<'_>) -> Result<(), TokenError> {
        match state.cooling(refused.family, self.clock().now()) {
            Some(first_code) => Err(refused_fresh(refused.code.clone().or(first_code))),
            None => Ok(()),
        }
    }

    /// Fails, and stops exchanges for a while, if the session was fresh when it was sent and never accepted.
    pub(super) fn refuse_if_fresh(&self, state: &mut State, refused: &RefusedSession<'_>) -> Result<(), TokenError> {
        let RefusedSession { slot, session, family, sent, ref code } = *refused;
        if !session.was_fresh(sent) || session.was_accepted_by(family) {
            return Ok(());
        }
        state.cool(family, code.clone(), self.clock().now());
        slot.set_troubled(true);
        // What another host than the org's own refuses says nothing of the connection.
        if family.is_of_org() && !state.is_good_for_some(session) {
            (state.status, state.cause) = (Status::Misconfigured, Some(Cause::FreshTokenRefused));
            self.write_status(slot, session.generation, state.cause);
        }
        Err(refused_fresh(code.clone()))
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
