//! Writes of the embedded file: what each may do, decided and written in one transaction. One write runs at a time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use redb::Database;
use tokio::sync::broadcast;

use super::damage;
use super::tables::Tables;
use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::store::stored_head::{Done, StoredHead};
use crate::store::{
    AttemptId, Commit, Committed, Fingerprint, Intent, IntentWrite, NewRecord, Owner, Put, PutWhen, Resealed,
    StoreError, StoreTime,
};
use crate::vault::Sealed;

/// Who holds which lease until when, by the process's own steady clock.
#[derive(Debug, Default)]
pub(super) struct Leases(HashMap<ConnectionKey, (Owner, Instant)>);

impl Leases {
    pub(super) fn take(&mut self, key: &ConnectionKey, owner: &Owner, life: Duration) -> bool {
        let now = Instant::now();
        self.0.retain(|_, (_, until)| *until > now);
        if self.0.get(key).is_some_and(|(holder, _)| holder != owner) {
            return false;
        }
        self.0.insert(key.clone(), (owner.clone(), now + life));
        true
    }

    pub(super) fn release(&mut self, key: &ConnectionKey, owner: &Owner) {
        if self.held_by(key, owner) {
            self.0.remove(key);
        }
    }

    fn held_by(&self, key: &ConnectionKey, owner: &Owner) -> bool {
        self.0.get(key).is_some_and(|(holder, until)| holder == owner && *until > Instant::now())
    }
}

/// The right to write, for one operation.
pub(super) struct Write<'a> {
    pub(super) database: &'a Database,
    pub(super) leases: &'a mut Leases,
    pub(super) changes: &'a broadcast::Sender<ConnectionKey>,
    pub(super) now: StoreTime,
}

impl Write<'_> {
    pub(super) fn intent(
        self,
        key: &ConnectionKey,
        owner: &Owner,
        read: Generation,
        attempt: AttemptId,
        fingerprint: Fingerprint,
        replaces: Option<&AttemptId>,
    ) -> Result<IntentWrite, StoreError> {
        if !self.leases.held_by(key, owner) {
            return Ok(IntentWrite::LeaseLost);
        }
        self.transaction(|tables| {
            if tables.head(key)?.is_none_or(|old| old.head.generation != read) {
                return Ok(IntentWrite::Changed);
            }
            if let Some(open) = tables.intent(key)?
                && open.attempt != attempt
                && Some(&open.attempt) != replaces
            {
                return Ok(IntentWrite::Foreign(open));
            }
            tables.set_intent(key, Some(&Intent { attempt, fingerprint, at: self.now }))?;
            Ok(IntentWrite::Written)
        })
    }

    pub(super) fn clear_intent(self, key: &ConnectionKey, attempt: &AttemptId) -> Result<(), StoreError> {
        self.transaction(|tables| drop_intent(tables, key, attempt))
    }

    pub(super) fn commit(self, key: &ConnectionKey, commit: Commit) -> Result<Committed, StoreError> {
        let committed = self.transaction(|tables| {
            let Some(old) = tables.head(key)?.filter(|old| old.head.generation.epoch == commit.read.epoch) else {
                return Ok(Committed::Superseded);
            };
            if old.knows(&commit.attempt) {
                tables.note_fingerprints(key, &old)?;
            } else {
                let is_late = commit.head.generation.number <= old.head.generation.number;
                if is_late || (commit.spent.is_some() && commit.spent != old.head.fingerprint) {
                    return Ok(Committed::Superseded);
                }
                let mut new = StoredHead::over(Some(&old), commit.head, self.now);
                new.remember(Done { attempt: commit.attempt.clone(), spent: commit.spent });
                tables.set_head(key, Some(&old), &new)?;
                tables.set_session(key, Some(&commit.session))?;
                tables.set_grant(key, &commit.grant)?;
            }
            match drop_intent(tables, key, &commit.attempt) {
                // An intent that cannot be read must not keep a new token from being stored.
                Err(StoreError::Corrupt(..)) => tables.set_intent(key, None)?,
                dropped => dropped?,
            }
            Ok(Committed::Stored)
        })?;
        self.announce_if(committed == Committed::Stored, key);
        Ok(committed)
    }

    pub(super) fn status(
        self,
        key: &ConnectionKey,
        read: Generation,
        status: Status,
        cause: Option<Cause>,
    ) -> Result<bool, StoreError> {
        let set = self.transaction(|tables| {
            let Some(old) = tables.head(key)?.filter(|old| old.head.generation == read) else {
                return Ok(false);
            };
            let mut head = old.head.clone();
            (head.status, head.cause) = (status, cause);
            tables.set_head(key, Some(&old), &StoredHead::over(Some(&old), head, self.now))?;
            Ok(true)
        })?;
        self.announce_if(set, key);
        Ok(set)
    }

    pub(super) fn put(self, key: &ConnectionKey, record: NewRecord, when: PutWhen) -> Result<Put, StoreError> {
        let put = self.transaction(|tables| {
            let old = tables.head(key)?;
            let found = old.as_ref().map(|old| old.head.generation);
            let expected = match when {
                PutWhen::Absent => None,
                PutWhen::At(generation) => Some(generation),
            };
            if found != expected {
                return match old {
                    // Found as it was to be written: an earlier try did it.
                    Some(old) if found == Some(record.head.generation) => {
                        tables.note_fingerprints(key, &old)?;
                        Ok(Put::Stored)
                    }
                    old => Ok(Put::Conflict(old.map(|old| Box::new(old.head)))),
                };
            }
            let new = StoredHead::over(old.as_ref(), record.head, self.now);
            if old.as_ref().is_none_or(|old| old.head.generation.epoch != new.head.generation.epoch) {
                tables.set_intent(key, None)?;
            }
            tables.set_head(key, old.as_ref(), &new)?;
            tables.set_session(key, record.session.as_ref())?;
            tables.set_grant(key, &record.grant)?;
            Ok(Put::Stored)
        })?;
        self.announce_if(put == Put::Stored, key);
        Ok(put)
    }

    pub(super) fn remove(self, key: &ConnectionKey, at: Option<Generation>) -> Result<bool, StoreError> {
        let removed = self.transaction(|tables| {
            let old = match tables.head(key) {
                Ok(None) => {
                    tables.unschedule(key)?;
                    return Ok(false);
                }
                Ok(Some(old)) if at.is_some_and(|at| at != old.head.generation) => return Ok(false),
                Ok(Some(old)) => Some(old),
                // What is corrupt must be removable, or its connection could never be made again.
                Err(StoreError::Corrupt(..)) if at.is_none() => None,
                Err(error) => return Err(error),
            };
            tables.remove(key, old.as_ref(), self.now)?;
            tables.unschedule(key)?;
            Ok(true)
        })?;
        self.announce_if(removed, key);
        Ok(removed)
    }

    pub(super) fn reseal(
        self,
        key: &ConnectionKey,
        session: Option<Resealed>,
        grant: Option<Resealed>,
    ) -> Result<bool, StoreError> {
        self.transaction(|tables| {
            let (present_session, present_grant) = tables.sealed(key)?;
            // Found as it was to be: an earlier try did it.
            let as_read = |resealed: &Option<Resealed>, present: Option<&Sealed>| match resealed {
                Some(Resealed { old, new }) => present == Some(old) || present == Some(new),
                None => true,
            };
            if !as_read(&session, present_session.as_ref()) || !as_read(&grant, present_grant.as_ref()) {
                return Ok(false);
            }
            if let Some(session) = session {
                tables.set_session(key, Some(&session.new))?;
            }
            if let Some(grant) = grant {
                tables.set_grant(key, &grant.new)?;
            }
            Ok(true)
        })
    }

    /// Runs a job in one durable transaction.
    pub(super) fn transaction<T>(
        &self,
        job: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.database.begin_write().map_err(damage)?;
        // An error drops the transaction, which undoes it.
        let outcome = job(&mut Tables::open(&transaction)?)?;
        transaction.commit().map_err(damage)?;
        Ok(outcome)
    }

    fn announce_if(&self, changed: bool, key: &ConnectionKey) {
        if changed {
            // Nobody listening is no fault.
            let _ = self.changes.send(key.clone());
        }
    }
}

fn drop_intent(tables: &mut Tables<'_>, key: &ConnectionKey, attempt: &AttemptId) -> Result<(), StoreError> {
    match tables.intent(key)? {
        Some(open) if open.attempt == *attempt => tables.set_intent(key, None),
        _ => Ok(()),
    }
}
