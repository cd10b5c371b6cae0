//! Getting a generation: load it from the store, adopt one that somebody else stored, or exchange for one. The steps of
//! an exchange are in the order that keeps a rotated refresh token from being lost or spent twice: read, lease, read
//! again, dial, intent, send, store, and only then use.

mod outcome;
mod record;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::outcome::{Sent, Waiting};
use self::record::{may_be_served, refuse_if_ended, unopened, unreadable, unsettled};
use super::{GrantSecret, SessionSecret, Settings, TokenError, Unavailable};
use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::metrics::TokenMetrics;
use crate::oauth::{self, App, Apps};
use crate::salesforce::hosts::{LoginUrl, TrustedHosts};
use crate::secret::Secret;
use crate::store::{AttemptId, Commit, Committed, Fingerprint, Head, IntentWrite, Owner, Record, Store};
use crate::transport::{OneShot, Transport};
use crate::vault::Vault;

/// How long a lease lives. It only saves work; the intent is the guard. Longer than dialling and sending together.
const LEASE: Duration = Duration::from_secs(45);
/// An intent younger than this may belong to an exchange that is still under way.
const INTENT_SETTLES_AFTER: Duration = LEASE;
/// A process that notices that it was paused for longer than this after its intent does not send.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Between two looks at a record that somebody else is working on: from, and up to as much more at random.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Between two tries to store a response, up to this long.
const STORE_AGAIN_MAX: Duration = Duration::from_secs(2);

/// Gets generations for connections.
pub struct Exchanger {
    /// Settings of the engine.
    pub settings: Settings,
    /// Where connections are.
    pub store: Arc<dyn Store>,
    /// Opens and seals them.
    pub vault: Arc<Vault>,
    /// The apps of the configuration.
    pub apps: Apps,
    /// Dials token endpoints.
    pub transport: Arc<Transport>,
    /// Hosts that a connection may name beyond Salesforce's own.
    pub trusted_hosts: TrustedHosts,
    /// This process, as the holder of leases.
    pub owner: Owner,
    /// Counters of the engine.
    pub metrics: TokenMetrics,
}

/// A generation, and what the engine wants to know with it.
#[derive(Debug)]
pub struct Obtained {
    /// The clear part of its record.
    pub head: Head,
    /// The session.
    pub session: SessionSecret,
    /// When it was stored, where this process can tell.
    pub stored: Option<Instant>,
    /// The session time that the app's configuration names.
    pub session_time: Option<Duration>,
}

/// What one pass over the steps came to.
enum Step {
    Done(Box<Obtained>),
    Wait(Waiting),
}

/// What is needed to send, checked before anything is dialled.
struct Ready {
    app: Arc<App>,
    client_secret: Option<Secret<String>>,
    login: LoginUrl,
    refresh_token: Secret<String>,
}

impl Exchanger {
    /// A generation that replaces `refused`: the stored one if it does, else one exchanged for. With nothing refused,
    /// the stored one, and an exchange only if there is none yet.
    pub async fn obtain(&self, key: &ConnectionKey, refused: Option<Generation>) -> Result<Obtained, TokenError> {
        if refused.is_none()
            && let Some(stored) = self.load(key).await?
        {
            return Ok(stored);
        }
        let deadline = Instant::now() + self.settings.wait;
        let mut pause = LOOK_AGAIN;
        loop {
            let waiting = match self.attempt(key, refused).await? {
                Step::Done(obtained) => return Ok(*obtained),
                Step::Wait(waiting) => waiting,
            };
            pause = waiting.pause(pause);
            if Instant::now() + pause > deadline {
                return Err(waiting.error());
            }
            tokio::time::sleep(jittered(pause)).await;
        }
    }

    /// The stored generation, by one read; `None` if the connection has no session that may be used.
    pub async fn load(&self, key: &ConnectionKey) -> Result<Option<Obtained>, TokenError> {
        let row = self.store.read(key).await.map_err(unreadable)?.ok_or(TokenError::NotConnected)?;
        refuse_if_ended(&row.head)?;
        let Some(sealed) = row.session.as_ref().filter(|_| may_be_served(&row.head)) else { return Ok(None) };
        let session =
            SessionSecret::open(&self.vault, key, sealed, row.head.generation).map_err(|error| unopened(key, error))?;
        Ok(Some(self.obtained(row.head, session, None)))
    }

    /// One pass: read, adopt or take the lease and go on under it.
    async fn attempt(&self, key: &ConnectionKey, refused: Option<Generation>) -> Result<Step, TokenError> {
        let began = Instant::now();
        if let Some(adopted) = self.read_or_adopt(key, refused).await?.1 {
            return Ok(Step::Done(Box::new(adopted)));
        }
        if !self.vault.has_grant_keys() {
            return Err(TokenError::unavailable(Unavailable::NoHub));
        }
        if !self.store.take_lease(key, &self.owner, LEASE).await.map_err(unreadable)? {
            return Ok(Step::Wait(Waiting::Lease));
        }
        let step = self.attempt_under_lease(key, refused, began).await;
        if let Err(error) = self.store.release_lease(key, &self.owner).await {
            tracing::debug!(connection = %key, %error, "the lease was not released; it ends by itself");
        }
        step
    }

    async fn attempt_under_lease(
        &self,
        key: &ConnectionKey,
        refused: Option<Generation>,
        began: Instant,
    ) -> Result<Step, TokenError> {
        let (record, adopted) = self.read_or_adopt(key, refused).await?;
        if let Some(adopted) = adopted {
            return Ok(Step::Done(Box::new(adopted)));
        }
        let grant = GrantSecret::open(&self.vault, key, &record.grant, record.head.generation)
            .map_err(|error| unopened(key, error))?;
        let ready = match self.ready(&record.head, &grant) {
            Ok(ready) => ready,
            Err(cause) => return self.refused(key, &record.head, cause).await,
        };
        if let Some(waiting) = unsettled(&record) {
            return Ok(Step::Wait(waiting));
        }
        let connection = match self.transport.one_shot(&ready.login).await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(connection = %key, host = ready.login.host(), %error, "the token endpoint was not reached");
                self.metrics.exchanges.with_label_values(&[record.head.grant.as_str(), "not_sent"]).inc();
                return Ok(Step::Wait(Waiting::TokenEndpoint));
            }
        };
        self.exchange(key, &record, grant, &ready, connection, began).await
    }

    /// Intent, send, and store what came of it.
    async fn exchange(
        &self,
        key: &ConnectionKey,
        record: &Record,
        grant: GrantSecret,
        ready: &Ready,
        connection: OneShot,
        began: Instant,
    ) -> Result<Step, TokenError> {
        let attempt = AttemptId::random();
        let spends = Fingerprint::of(&ready.refresh_token);
        let replaces = record.intent.as_ref().map(|intent| &intent.attempt);
        let wrote_at = Instant::now();
        let written = self
            .store
            .write_intent(key, &self.owner, record.head.generation, &attempt, &spends, replaces)
            .await
            .map_err(unreadable)?;
        match written {
            IntentWrite::Written => {}
            IntentWrite::LeaseLost | IntentWrite::Changed | IntentWrite::Foreign(_) => {
                return Ok(Step::Wait(Waiting::Lease));
            }
            IntentWrite::TooFewReplicas => return Ok(Step::Wait(Waiting::Store)),
        }
        if wrote_at.elapsed() > LONGEST_PAUSE || began.elapsed() > LEASE / 2 {
            self.store.clear_intent(key, &attempt).await.map_err(unreadable)?;
            return Ok(Step::Wait(Waiting::Lease));
        }
        let sent_at = Instant::now();
        let answer =
            oauth::refresh(&ready.app, ready.client_secret.as_ref(), &ready.login, &ready.refresh_token, connection)
                .await;
        let sent = Sent::from(answer);
        self.metrics.exchange_duration.observe(sent_at.elapsed().as_secs_f64());
        self.metrics.exchanges.with_label_values(&[record.head.grant.as_str(), sent.label()]).inc();
        match sent {
            Sent::Tokens(response) => self.keep(key, record, grant, ready, *response, attempt).await,
            Sent::Unspent(waiting) => {
                self.store.clear_intent(key, &attempt).await.map_err(unreadable)?;
                Ok(Step::Wait(waiting))
            }
            Sent::Refused(cause) => {
                let step = self.refused(key, &record.head, cause).await;
                self.store.clear_intent(key, &attempt).await.map_err(unreadable)?;
                step
            }
            Sent::Unknown(reason) => {
                tracing::warn!(connection = %key, reason, "an exchange has no known outcome; its intent stays");
                self.set_status(key, &record.head, Cause::OutcomeUnknown).await;
                Ok(Step::Wait(Waiting::Outcome))
            }
        }
    }

    /// Stores the new tokens, then checks them: a mismatch makes the connection unserved but loses no rotated token.
    async fn keep(
        &self,
        key: &ConnectionKey,
        record: &Record,
        grant: GrantSecret,
        ready: &Ready,
        response: oauth::TokenResponse,
        attempt: AttemptId,
    ) -> Result<Step, TokenError> {
        let generation = record.head.generation.next();
        let mismatch = outcome::mismatch(&response, &grant, ready.client_secret.as_ref(), &self.trusted_hosts);
        let spent = grant.refresh_token.as_ref().map(Fingerprint::of);
        let mut grant = grant.rotated(generation, response.refresh_token.as_ref());
        if let (Some(identity), None) = (&response.identity, &mismatch) {
            grant.org_id = Some(identity.org.to_string());
            grant.user_id = Some(identity.user.to_string());
        }
        let session = SessionSecret {
            generation,
            access_token: response.access_token.clone(),
            instance_url: response.instance_url.clone(),
            org_id: grant.org_id.clone(),
            user_id: grant.user_id.clone(),
            issued_at: response.issued_at.as_ref().and_then(|millis| millis.parse().ok()),
            life: None,
        };
        let head = Head {
            status: mismatch.map_or(Status::Active, Cause::status),
            cause: mismatch,
            generation,
            fingerprint: grant.refresh_token.as_ref().map(Fingerprint::of),
            attempt: Some(attempt.clone()),
            ..record.head.clone()
        };
        let no_keys = |_| TokenError::unavailable(Unavailable::NoHub);
        let commit = Commit {
            attempt,
            read: record.head.generation,
            spent,
            head: head.clone(),
            session: session.seal(&self.vault, key).map_err(no_keys)?,
            grant: grant.seal(&self.vault, key).map_err(no_keys)?,
        };
        match self.commit(key, &commit).await {
            Committed::Stored => {}
            Committed::Superseded => {
                if self.is_replaced(key, record.head.generation).await {
                    tracing::info!(connection = %key, "connected anew or removed during an exchange; its token is revoked");
                    // Without rotation the refresh token may be the very one that it was connected anew with.
                    let new = grant.refresh_token.as_ref().filter(|token| Some(Fingerprint::of(token)) != commit.spent);
                    self.revoke(key, &ready.login, new.unwrap_or(&session.access_token)).await;
                }
                return Ok(Step::Wait(Waiting::Lease));
            }
        }
        outcome::note_change(key, &record.head, &head);
        match mismatch {
            None => Ok(Step::Done(Box::new(self.obtained(head, session, Some(Instant::now()))))),
            Some(cause) => Err(TokenError::Misconfigured { cause, code: None }),
        }
    }

    /// Whether the authorization of `read` is gone. Within one, another exchange was stored: to revoke a token of the
    /// family would end that one too.
    async fn is_replaced(&self, key: &ConnectionKey, read: Generation) -> bool {
        match self.store.read(key).await {
            Ok(found) => found.is_none_or(|row| row.head.generation.epoch != read.epoch),
            Err(_) => false,
        }
    }

    /// Stores, for as long as it takes: the response cannot be had a second time.
    async fn commit(&self, key: &ConnectionKey, commit: &Commit) -> Committed {
        let mut pause = LOOK_AGAIN;
        loop {
            match self.store.commit(key, commit).await {
                Ok(committed) => return committed,
                Err(error) => tracing::error!(connection = %key, %error, "a new token waits to be stored"),
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(STORE_AGAIN_MAX);
        }
    }

    /// Revokes a token at Salesforce, as well as it can be done.
    async fn revoke(&self, key: &ConnectionKey, login: &LoginUrl, token: &Secret<String>) {
        let outcome = match self.transport.one_shot(login).await {
            Ok(connection) => oauth::revoke(token, connection).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = outcome {
            tracing::warn!(connection = %key, error, "a token that nobody needs could not be revoked");
        }
    }

    /// Salesforce, or what is configured, refuses for good. If the record moved meanwhile, the refusal was about an old
    /// token, and the new one is looked at.
    async fn refused(&self, key: &ConnectionKey, head: &Head, cause: Cause) -> Result<Step, TokenError> {
        if !self.set_status(key, head, cause).await {
            return Ok(Step::Wait(Waiting::Lease));
        }
        tracing::warn!(connection = %key, %cause, status = %cause.status(), "the token endpoint refused");
        Err(match cause.status() {
            Status::Reauthorize => TokenError::Reauthorize(cause),
            _ => TokenError::Misconfigured { cause, code: None },
        })
    }

    /// Writes a status; false only if the record is known to have moved.
    async fn set_status(&self, key: &ConnectionKey, head: &Head, cause: Cause) -> bool {
        match self.store.set_status(key, head.generation, cause.status(), Some(cause)).await {
            Ok(current) => current,
            Err(error) => {
                tracing::warn!(connection = %key, %cause, %error, "the status could not be written");
                true
            }
        }
    }

    async fn read_or_adopt(
        &self,
        key: &ConnectionKey,
        refused: Option<Generation>,
    ) -> Result<(Record, Option<Obtained>), TokenError> {
        let record = self.store.read_record(key).await.map_err(unreadable)?.ok_or(TokenError::NotConnected)?;
        refuse_if_ended(&record.head)?;
        let newer = refused.is_none_or(|old| record.head.generation.supersedes(old));
        let serves = newer && may_be_served(&record.head);
        let Some(sealed) = record.session.as_ref().filter(|_| serves) else { return Ok((record, None)) };
        let session = SessionSecret::open(&self.vault, key, sealed, record.head.generation)
            .map_err(|error| unopened(key, error))?;
        self.metrics.adopted.inc();
        let age = Duration::from_millis(record.now.millis_since(record.head.stored));
        let adopted = self.obtained(record.head.clone(), session, Instant::now().checked_sub(age));
        Ok((record, Some(adopted)))
    }

    fn ready(&self, head: &Head, grant: &GrantSecret) -> Result<Ready, Cause> {
        let refresh_token = grant.refresh_token.clone().ok_or(Cause::NoGrant)?;
        let app = self.apps.get(&head.app).ok_or(Cause::AppUnknown)?;
        let client_secret = app.client_secret.as_ref().map(|file| file.read());
        let client_secret = client_secret.transpose().map_err(|error| {
            tracing::error!(app = app.name, %error, "the app's client secret cannot be read");
            Cause::AppSecretWrong
        })?;
        let login = LoginUrl::parse(&grant.login_url, &self.trusted_hosts).map_err(|_| Cause::LoginHostWrong)?;
        Ok(Ready { app: Arc::clone(app), client_secret, login, refresh_token })
    }

    fn obtained(&self, head: Head, session: SessionSecret, stored: Option<Instant>) -> Obtained {
        let session_time = self.apps.get(&head.app).and_then(|app| app.session_time);
        Obtained { head, session, stored, session_time }
    }
}

/// A pause and up to as much again at random, so that waiting processes do not move in step.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(0);
    pause + pause.mul_f64(f64::from(random) / f64::from(u32::MAX))
}
