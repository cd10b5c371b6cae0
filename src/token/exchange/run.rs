//! Carries out what a procedure asks, one thing after the other, and holds what passes between the steps.

mod end;
mod sent;

use std::time::{Duration, Instant};

use super::earned::Earned;
use super::outcome::{self, Sent, Waiting};
use super::prepare::Ready;
use super::procedure::{Answer, Ask, Finish, IntentSaid, NotReady, OpenIntent, Procedure, Seen, Sends, SentSaid, Want};
use super::record::{may_be_served, refuse_if_ended, settled, unopened, unreadable};
use super::{Exchanger, LEASE, Obtained};
use crate::connection::{Cause, ConnectionKey, Generation};
use crate::oauth;
use crate::store::{AttemptId, Committed, Fingerprint, IntentWrite, Owner, Record, Row};
use crate::token::backoff::jittered;
use crate::token::traced::Traced;
use crate::token::{TokenError, Unavailable};
use crate::transport::OneShot;

/// A process that notices that it was paused for longer than this after its intent does not send.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Between two looks at a record that somebody else is working on: from, and up to as much more at random.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A token that is stored only after this is no new one any more.
const LATE: Duration = Duration::from_secs(1);

/// One procedure being carried out.
pub(super) struct Run<'a> {
    pub(super) exchanger: &'a Exchanger,
    pub(super) key: &'a ConnectionKey,
    pub(super) want: Want,
    procedure: Procedure,
    /// The newest generation that this process has in memory.
    known: Option<Generation>,
    may_exchange: bool,
    /// What this process has learned of the connection's sessions, see [`Head::idle`].
    pub(super) learned: Option<u32>,
    /// The holder of this run's lease: no other run of the process is taken for it.
    owner: Owner,
    deadline: Instant,
    pause: Duration,
    lease_asked: Instant,
    dialled: Instant,
    intended: Instant,
    /// What was read last, as far as it is served.
    row: Option<Row>,
    /// What was read last by a process that may exchange.
    record: Option<Record>,
    ready: Option<Ready>,
    connection: Option<OneShot>,
    pub(super) attempt: AttemptId,
    response: Option<oauth::TokenResponse>,
    earned: Option<Earned>,
    traced: &'a Traced,
}

const IN_ORDER: &str = "the procedure asks for this after what it needs";

impl<'a> Run<'a> {
    pub(super) fn new(
        exchanger: &'a Exchanger,
        key: &'a ConnectionKey,
        want: Want,
        known: Option<Generation>,
        learned: Option<u32>,
        traced: &'a Traced,
    ) -> Self {
        let may_exchange = exchanger.parts.vault.has_grant_keys();
        let now = Instant::now();
        Self {
            exchanger,
            key,
            want,
            procedure: Procedure::new(want, exchanger.still_known(key, known), may_exchange),
            known,
            may_exchange,
            learned,
            owner: Owner::random(),
            deadline: now + exchanger.parts.settings.wait,
            pause: LOOK_AGAIN,
            lease_asked: now,
            dialled: now,
            intended: now,
            row: None,
            record: None,
            ready: None,
            connection: None,
            attempt: AttemptId::random(),
            response: None,
            earned: None,
            traced,
        }
    }

    /// Carries the procedure out to its end.
    pub(super) async fn finish(mut self) -> Result<Obtained, TokenError> {
        if self.may_exchange {
            self.traced.show();
        }
        let mut ask = self.procedure.begin();
        loop {
            let answer = match ask {
                Ask::Read => Answer::Record(self.read().await),
                Ask::TakeLease => Answer::Lease(self.take_lease().await),
                Ask::CallForSuccessors => self.call_for_successors().await,
                Ask::Prepare => Answer::Prepared(self.prepare().await),
                Ask::Dial => Answer::Dialled(self.dial().await),
                Ask::WriteIntent { replaces } => Answer::Intent(self.write_intent(replaces.as_ref()).await),
                Ask::Send => Answer::Sent(self.send().await),
                Ask::Keep => self.keep().await,
                Ask::Store => Answer::Stored(self.store().await),
                Ask::Revoke => self.revoke().await,
                Ask::SetStatus(cause) => Answer::Stated(self.set_status(cause).await),
                Ask::ClearIntent => self.clear_intent().await,
                Ask::ReleaseLease => self.release_lease().await,
                Ask::Pause(waiting) => self.pause(waiting).await,
                Ask::Finish(finish) => return self.end(finish),
            };
            ask = self.procedure.next(answer);
        }
    }

    async fn read(&mut self) -> Result<Option<Seen>, TokenError> {
        let store = &self.exchanger.parts.store;
        // A process without grant keys may read no more than the session.
        if !self.may_exchange {
            self.row = store.read(self.key).await.map_err(unreadable)?;
            return Ok(self.row.as_ref().map(|row| self.see(row, None)));
        }
        let Some(record) = store.read_record(self.key).await.map_err(unreadable)? else { return Ok(None) };
        let open = record
            .intent
            .as_ref()
            .map(|intent| OpenIntent { attempt: intent.attempt.clone(), settled: settled(&record, intent) });
        let row = Row { head: record.head.clone(), session: record.session.clone(), now: record.now };
        let seen = self.see(&row, open);
        self.row = Some(row);
        // Once an exchange has brought something, what it had gone by stays.
        if self.earned.is_none() {
            self.record = Some(record);
        }
        Ok(Some(seen))
    }

    fn see(&self, row: &Row, open: Option<OpenIntent>) -> Seen {
        self.exchanger.note_found(self.key, self.known, row.head.generation);
        Seen {
            generation: row.head.generation,
            ended: refuse_if_ended(&row.head).err(),
            serves: row.session.is_some() && may_be_served(&row.head),
            open,
        }
    }

    async fn take_lease(&mut self) -> Result<bool, TokenError> {
        (self.lease_asked, self.earned) = (Instant::now(), None);
        self.exchanger.parts.store.take_lease(self.key, &self.owner, LEASE).await.map_err(unreadable)
    }

    async fn call_for_successors(&self) -> Answer {
        if let Err(error) = self.exchanger.parts.store.announce(self.key).await {
            tracing::debug!(connection = %self.key, %error, "others were not asked for a successor");
        }
        Answer::Done
    }

    async fn prepare(&mut self) -> Result<Sends, NotReady> {
        let record = self.record.as_ref().expect(IN_ORDER);
        if record.intent.is_some() {
            self.exchanger.parts.metrics.open_intents.inc();
        }
        let ready = Ready::of(self.exchanger, self.key, record).await?;
        let sends = ready.sends();
        self.ready = Some(ready);
        Ok(sends)
    }

    async fn dial(&mut self) -> bool {
        self.attempt = AttemptId::random();
        self.dialled = Instant::now();
        let login = &self.ready().login;
        match self.exchanger.parts.transport.one_shot(login).await {
            Ok(connection) => (self.connection, self.intended) = (Some(connection), Instant::now()),
            Err(error) => {
                tracing::warn!(connection = %self.key, host = login.host(), %error, "the token endpoint was not reached");
                self.exchanger.count(self.record().head.grant, "not_sent");
                self.trace("not_sent");
                return false;
            }
        }
        true
    }

    async fn write_intent(&mut self, replaces: Option<&AttemptId>) -> Result<IntentSaid, TokenError> {
        let spends = Fingerprint::of(self.ready().grant.refresh_token.as_ref().expect(IN_ORDER));
        let read = self.record().head.generation;
        self.intended = Instant::now();
        let store = &self.exchanger.parts.store;
        let written = store.write_intent(self.key, &self.owner, read, &self.attempt, &spends, replaces).await;
        Ok(match written.map_err(unreadable)? {
            IntentWrite::Written => IntentSaid::Written,
            IntentWrite::LeaseLost | IntentWrite::Changed | IntentWrite::Foreign(_) => {
                self.exchanger.parts.metrics.lease_losses.inc();
                IntentSaid::Overtaken
            }
            IntentWrite::TooFewReplicas => IntentSaid::TooFewReplicas,
        })
    }

    async fn send(&mut self) -> SentSaid {
        let was_paused = self.intended.elapsed() > LONGEST_PAUSE || self.lease_asked.elapsed() > LEASE / 2;
        if was_paused || self.exchanger.lost_store_since(self.lease_asked) {
            return SentSaid::Late;
        }
        let connection = self.connection.take().expect(IN_ORDER);
        let sent_at = Instant::now();
        let answer = self.ready().send(connection).await;
        let sent = self.note_progress(Sent::from(answer));
        self.exchanger.note_sent(self.key, self.ready(), self.record().head.grant, &sent, sent_at);
        self.trace(sent.label());
        self.warn_of_limit(&sent);
        match sent {
            Sent::Tokens(response) => {
                self.response = Some(*response);
                SentSaid::Tokens
            }
            Sent::Unspent(waiting) => SentSaid::Unspent(waiting),
            Sent::Refused(cause) => SentSaid::Refused(cause),
            Sent::Unknown(reason) => {
                tracing::warn!(connection = %self.key, reason, "an exchange has no known outcome");
                SentSaid::Unknown
            }
        }
    }

    async fn keep(&mut self) -> Answer {
        let response = self.response.take().expect(IN_ORDER);
        match Earned::of(self, &response) {
            Ok(mut earned) => {
                self.traced.brought(earned.commit.head.generation);
                earned.is_journalled = self.exchanger.parts.successors.keep(self.key, &earned.commit).await;
                self.earned = Some(earned);
            }
            // Keys do not vanish between opening a grant and sealing the next.
            Err(error) => tracing::error!(connection = %self.key, %error, "a new token could not be sealed"),
        }
        Answer::Done
    }

    async fn store(&mut self) -> Result<Committed, TokenError> {
        let Some(earned) = &mut self.earned else { return Ok(Committed::Superseded) };
        if earned.since.elapsed() > LATE {
            // Its session may be over when it is used first; that tells nothing of the org.
            earned.commit.head.attempt = None;
        }
        let stored = self.exchanger.parts.store.commit(self.key, &earned.commit).await;
        stored.map_err(|error| {
            tracing::error!(connection = %self.key, %error, "a new token waits to be stored");
            TokenError::unavailable(Unavailable::Store)
        })
    }

    /// Revokes at Salesforce, as well as it can be done.
    async fn revoke(&mut self) -> Answer {
        let Some(earned) = &self.earned else { return Answer::Done };
        tracing::info!(connection = %self.key, "connected anew or removed during an exchange; its token is revoked");
        let outcome = match self.exchanger.parts.transport.one_shot(&self.ready().login).await {
            Ok(connection) => oauth::revoke(&earned.token, connection).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = outcome {
            tracing::warn!(connection = %self.key, error, "a token that nobody needs could not be revoked");
        }
        Answer::Done
    }

    /// False only if the record is known to have moved.
    async fn set_status(&self, cause: Cause) -> bool {
        let (key, read) = (self.key, self.record().head.generation);
        let status = cause.status();
        let current = match self.exchanger.parts.store.set_status(key, read, status, Some(cause)).await {
            Ok(current) => current,
            Err(error) => {
                tracing::warn!(connection = %key, %cause, %error, "the status could not be written");
                true
            }
        };
        if current && cause != Cause::OutcomeUnknown {
            tracing::warn!(connection = %key, %cause, %status, "the token endpoint refused");
            if cause == Cause::AnswerLost {
                self.exchanger.parts.metrics.lost_grants.inc();
            }
        }
        current
    }

    async fn clear_intent(&self) -> Answer {
        if let Err(error) = self.exchanger.parts.store.clear_intent(self.key, &self.attempt).await {
            tracing::warn!(connection = %self.key, %error, "an intent was not cleared; it is settled in a minute");
        }
        Answer::Done
    }

    async fn release_lease(&mut self) -> Answer {
        (self.ready, self.connection) = (None, None);
        if let Err(error) = self.exchanger.parts.store.release_lease(self.key, &self.owner).await {
            tracing::debug!(connection = %self.key, %error, "the lease was not released; it ends by itself");
        }
        Answer::Done
    }

    async fn pause(&mut self, waiting: Waiting) -> Answer {
        self.exchanger.parts.metrics.waits.with_label_values(&[waiting.as_str()]).inc();
        if waiting == Waiting::RolledBack {
            self.exchanger.note_rollback(self.key);
        }
        let journalled = self.earned.as_ref().is_some_and(|earned| earned.is_journalled);
        if waiting == Waiting::Stored && journalled && self.exchanger.is_stopping() {
            return Answer::LeftToJournal;
        }
        self.pause = waiting.pause(self.pause);
        if !waiting.is_owed() && Instant::now() + self.pause > self.deadline {
            return Answer::OutOfTime;
        }
        tokio::time::sleep(jittered(self.pause)).await;
        Answer::Done
    }

    pub(super) fn record(&self) -> &Record {
        self.record.as_ref().expect(IN_ORDER)
    }

    pub(super) fn ready(&self) -> &Ready {
        self.ready.as_ref().expect(IN_ORDER)
    }
}
