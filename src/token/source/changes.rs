//! Following the store's announcements. They are hints: they make this process read again, and never set a state.

use tokio::sync::broadcast::error::RecvError;

use super::TokenSource;
use super::introspection::note_life;
use crate::connection::ConnectionKey;
use crate::token::TokenError;

impl TokenSource {
    /// Reads what is announced as changed, for as long as the store lives.
    pub(super) async fn follow_changes(self) {
        let mut changes = self.0.parts.store.changes();
        loop {
            match changes.recv().await {
                Ok(key) => self.reread(&key).await,
                // What was missed is found out at the next refusal.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Reads a connection that was announced as changed, if it is in memory.
    async fn reread(&self, key: &ConnectionKey) {
        self.0.unknown.remove(key);
        let Some(slot) = self.0.slots.peek(key) else { return };
        slot.news().notify_waiters();
        match self.0.parts.exchanger.load(key).await {
            // Without a session there is nothing to install; the next caller has it exchanged for.
            Ok(None) => {
                if let Ok(Some(row)) = self.0.parts.store.read(key).await {
                    let mut state = slot.state();
                    state.note_news(row.head.status);
                    // The very session that is held was found not to belong to the connection.
                    if slot.session().as_ref().is_some_and(|held| held.generation == row.head.generation) {
                        slot.set_session(None);
                    }
                    self.note_head(&slot, &mut state, &row.head);
                }
            }
            Ok(Some(obtained)) => {
                let held = slot.session().as_ref().map(|session| session.generation);
                self.0.parts.exchanger.note_found(key, held, obtained.session.generation);
                slot.state().note_news(obtained.head.status);
                let newer = held.is_none_or(|held| obtained.session.generation.supersedes(held));
                // A flight under way finds it too, and knows when it was stored.
                if newer && slot.state().live_flight().is_none() {
                    // A session that cannot be used is reported to the caller that needs it.
                    let _ = self.install(&slot, obtained);
                } else {
                    if let Some(seconds) = obtained.session.life {
                        note_life(&slot, obtained.session.generation, seconds);
                    }
                    let mut state = slot.state();
                    self.note_head(&slot, &mut state, &obtained.head);
                }
            }
            Err(TokenError::NotConnected) => {
                slot.set_session(None);
                self.0.slots.remove(key);
            }
            Err(error @ (TokenError::Reauthorize(_) | TokenError::Misconfigured { .. })) => {
                if matches!(error, TokenError::Reauthorize(_)) {
                    slot.set_session(None);
                }
                let mut state = slot.state();
                state.clear_failure();
                state.note_status_of(&error);
            }
            // Nothing learned; the announcement was only a hint.
            Err(TokenError::Unavailable { .. }) => {}
        }
    }
}
