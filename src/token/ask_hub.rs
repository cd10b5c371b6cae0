//! Asking the hub: a process without grant keys adds a wish to the store and reads the connection's record until a hub
//! has fulfilled it, or has found that it cannot. It reads status and session rows and writes wishes, nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{Exchanger, Obtained, SessionSecret, TokenError, Unavailable};
use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::metrics::TokenMetrics;
use crate::store::{Need, Row, Store, StoreError, Wish};

/// Between two looks at the record: first and longest, and up to as much more at random.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(250));
/// A wish that is not answered for so long may have been lost, with a store that failed over or because there were too
/// many.
const ASK_AGAIN: Duration = Duration::from_secs(3);

/// Gets generations by asking for them.
pub struct AskHub {
    exchanger: Arc<Exchanger>,
    store: Arc<dyn Store>,
    metrics: TokenMetrics,
}

impl AskHub {
    /// Asks through the store of these parts, whose keys, apps and settings hold.
    pub fn new(parts: Arc<Exchanger>) -> Self {
        Self { store: Arc::clone(&parts.store), metrics: parts.metrics.clone(), exchanger: parts }
    }

    /// A generation that replaces `refused`, or any if nothing was refused. `idle` is what has been learned of the life
    /// of the connection's sessions, in seconds; `news` is notified when the connection is announced as changed. Waits
    /// nearly as long as callers do, [`super::Settings::wait`].
    pub async fn obtain(
        &self,
        key: &ConnectionKey,
        refused: Option<Generation>,
        idle: Option<u32>,
        news: &Notify,
    ) -> Result<Obtained, TokenError> {
        let began = Instant::now();
        // Callers wait for as long; what is told to them at the end must come before they give up.
        let patience = self.exchanger.settings.wait.mul_f64(0.9);
        let wish = Wish { key: key.clone(), need: Need::Next { refused, idle } };
        let mut asked: Option<Instant> = None;
        let mut pause = LOOK_AGAIN.0;
        let result = loop {
            // Listens from before the look on, so that no news falls between the two.
            let mut heard = std::pin::pin!(news.notified());
            heard.as_mut().enable();
            match self.look(key, refused).await {
                Ok(None) => {}
                Ok(Some(obtained)) => break Ok(obtained),
                Err(error) => break Err(error),
            }
            if asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN) {
                if let Err(error) = self.store.wish(&wish).await {
                    break Err(unreadable(&error));
                }
                asked = Some(Instant::now());
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
            self.metrics.hub_wait.with_label_values(&[word]).observe(began.elapsed().as_secs_f64());
        }
        result
    }

    /// Asks the hub to see for itself whether this generation is good for something. Nobody waits for it.
    pub async fn check(&self, key: &ConnectionKey, generation: Generation) -> Result<(), StoreError> {
        self.store.wish(&Wish { key: key.clone(), need: Need::Check(generation) }).await
    }

    /// One look at the record: the generation, or why there will be none, or nothing yet.
    async fn look(&self, key: &ConnectionKey, refused: Option<Generation>) -> Result<Option<Obtained>, TokenError> {
        let row = self.store.read(key).await.map_err(|error| unreadable(&error))?.ok_or(TokenError::NotConnected)?;
        let head = &row.head;
        match (head.status, head.cause) {
            (Status::Pending | Status::Disconnected, _) => return Err(TokenError::NotConnected),
            (Status::Reauthorize, cause) => return Err(TokenError::Reauthorize(cause.unwrap_or(Cause::Revoked))),
            _ => {}
        }
        if let Some(obtained) = self.adopt(key, &row, refused)? {
            return Ok(Some(obtained));
        }
        match head.cause {
            // What the org refused once may have been mended meanwhile: then the next token shows it.
            Some(cause) if head.status == Status::Misconfigured && cause != Cause::FreshTokenRefused => {
                // The hub tries it again by itself.
                Err(TokenError::Misconfigured { cause, code: None })
            }
            _ => Ok(None),
        }
    }

    fn adopt(
        &self,
        key: &ConnectionKey,
        row: &Row,
        refused: Option<Generation>,
    ) -> Result<Option<Obtained>, TokenError> {
        let newer = refused.is_none_or(|old| row.head.generation.supersedes(old));
        let serves = newer
            && !matches!(row.head.cause, Some(Cause::OrgMismatch | Cause::HostNotAllowed | Cause::SignatureWrong));
        let Some(sealed) = row.session.as_ref().filter(|_| serves) else { return Ok(None) };
        let session =
            SessionSecret::open(&self.exchanger.vault, key, sealed, row.head.generation).map_err(|error| {
                tracing::error!(connection = %key, %error, "a stored record cannot be used");
                TokenError::unavailable(Unavailable::Record)
            })?;
        // What was imported a moment ago may be long dead; what was exchanged for is fresh.
        let age = refused.map(|_| Duration::from_millis(row.now.millis_since(row.head.stored)));
        Ok(Some(Obtained {
            session_time: self.exchanger.apps.get(&row.head.app).and_then(|app| app.session_time),
            stored: age.and_then(|age| Instant::now().checked_sub(age)),
            head: row.head.clone(),
            session,
        }))
    }

    /// What is told to those who waited in vain.
    async fn unanswered(&self) -> TokenError {
        TokenError::unavailable(match self.store.has_hub().await {
            Ok(true) => Unavailable::Busy,
            Ok(false) => Unavailable::NoHub,
            Err(_) => Unavailable::Store,
        })
    }
}

fn unreadable(error: &StoreError) -> TokenError {
    tracing::warn!(%error, "the store failed");
    match error {
        StoreError::Corrupt(..) => TokenError::unavailable(Unavailable::Record),
        _ => TokenError::unavailable(Unavailable::Store),
    }
}

/// A pause and up to as much again at random, so that waiting processes do not move in step.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(0);
    pause + pause.mul_f64(f64::from(random) / f64::from(u32::MAX))
}
