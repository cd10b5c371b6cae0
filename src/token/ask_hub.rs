//! Asking the hub: a process without grant keys adds a wish to the store and reads the connection's record until a hub
//! has fulfilled it, or has found that it cannot. It reads status and session rows and writes wishes, nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::backoff::jittered;
use super::traced::Traced;
use super::{Exchanger, Obtained, TokenError, Unavailable, Want};
use crate::connection::{ConnectionKey, Generation};
use crate::store::{Need, StoreError, Wish};

/// Between two looks at the record: first and longest, and up to as much more at random.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(250));
/// A wish that is not answered for so long may have been lost, with a store that failed over or because there were too
/// many.
const ASK_AGAIN: Duration = Duration::from_secs(3);

/// Gets generations by asking for them.
pub struct AskHub {
    exchanger: Arc<Exchanger>,
}

impl AskHub {
    /// Asks through the store of this exchanger, which reads but cannot exchange.
    pub fn new(exchanger: Arc<Exchanger>) -> Self {
        Self { exchanger }
    }

    /// A generation as wanted; `known` as for [`Exchanger::obtain`]. `idle` is what has been learned of the life of the
    /// connection's sessions, in seconds; `news` is notified when the connection is announced as changed. Waits nearly as
    /// long as callers do, [`super::Settings::wait`].
    pub(super) async fn obtain(
        &self,
        key: &ConnectionKey,
        want: Want,
        known: Option<Generation>,
        idle: Option<u32>,
        news: &Notify,
        traced: &Traced,
    ) -> Result<Obtained, TokenError> {
        let parts = self.exchanger.parts();
        let began = Instant::now();
        // Callers wait for as long; what is told to them at the end must come before they give up.
        let patience = parts.settings.wait.mul_f64(0.9);
        let wish = Wish { key: key.clone(), need: Need::Next { refused: want.old(), idle } };
        let mut asked: Option<Instant> = None;
        let mut pause = LOOK_AGAIN.0;
        let result = loop {
            // Listens from before the look on, so that no news falls between the two.
            let mut heard = std::pin::pin!(news.notified());
            heard.as_mut().enable();
            match self.exchanger.obtain_traced(key, want, known, None, &Traced::default()).await {
                Err(TokenError::Unavailable { reason: Unavailable::NoHub, .. }) => {}
                Ok(found) => {
                    // What was asked for was not there before.
                    break Ok(Obtained { is_found_first: found.is_found_first && asked.is_none(), ..found });
                }
                refused => break refused,
            }
            if asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN) {
                if let Err(error) = parts.store.wish(&wish).await {
                    tracing::warn!(connection = %key, %error, "the hub could not be asked");
                    break Err(TokenError::unavailable(Unavailable::Store));
                }
                asked = Some(Instant::now());
                traced.ask_hub();
            }
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                break Err(self.unanswered().await);
            }
            tokio::select! {
                () = tokio::time::sleep(jittered(pause).min(left)) => {}
                () = heard => {}
            }
            pause = (pause * 2).min(LOOK_AGAIN.1);
        };
        if asked.is_some() {
            let word = match &result {
                Ok(_) => "answered",
                Err(TokenError::Unavailable { .. }) => "unanswered",
                Err(_) => "refused",
            };
            parts.metrics.hub_wait.with_label_values(&[word]).observe(began.elapsed().as_secs_f64());
        }
        result
    }

    /// Asks the hub to see for itself whether this generation is good for something. Nobody waits for it.
    pub async fn check(&self, key: &ConnectionKey, generation: Generation) -> Result<(), StoreError> {
        self.exchanger.parts().store.wish(&Wish { key: key.clone(), need: Need::Check(generation) }).await
    }

    /// What is told to those who waited in vain.
    async fn unanswered(&self) -> TokenError {
        TokenError::unavailable(match self.exchanger.parts().store.has_hub().await {
            Ok(true) => Unavailable::Busy,
            Ok(false) => Unavailable::NoHub,
            Err(_) => Unavailable::Store,
        })
    }
}
