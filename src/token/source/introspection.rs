//! What this process is told of how long its sessions live: in answer to its own question, or in the record.

use std::sync::Arc;

use super::TokenSource;
use crate::connection::Generation;
use crate::token::Slot;
use crate::token::exchange::Obtained;

impl TokenSource {
    /// Asks how long a new session lives, if that is to be asked, in a task of its own.
    pub(super) fn introspect(&self, slot: &Arc<Slot>, obtained: &Obtained) {
        if !self.0.parts.exchanger.may_introspect(obtained) {
            return;
        }
        let (exchanger, slot, obtained) = (Arc::clone(&self.0.parts.exchanger), Arc::clone(slot), obtained.clone());
        let ask = async move {
            let Some(seconds) = exchanger.introspect(&slot.key, &obtained).await else { return };
            note_life(&slot, obtained.session.generation, seconds);
        };
        self.0.flights.spawn_on(ask, &self.0.parts.runtime);
    }
}

/// Notes how long the session of this generation lives, as Salesforce said, if it is the one held.
pub(super) fn note_life(slot: &Slot, generation: Generation, seconds: u32) {
    if let Some(held) = slot.session().as_ref().filter(|held| held.generation == generation) {
        held.note_introspected(seconds);
    }
}
