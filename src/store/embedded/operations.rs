//! The trait, operation by operation: what reads and what writes, and what needs the file at all.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use super::{EmbeddedStore, documents, events, now, reads, schedule, used};
use crate::connection::{Cause, ConnectionKey, Generation, Status};
use crate::store::listing::{MAX_PAGE, Range};
use crate::store::{
    AttemptId, AuditEntry, Commit, Committed, DocumentKind, DocumentName, DocumentWhen, Event, Fingerprint,
    IntentWrite, NewRecord, Owner, Page, Put, PutWhen, Record, Resealed, Row, ScheduleWhen, Store, StoreError,
    StoreTime, Wish,
};

#[async_trait]
impl Store for EmbeddedStore {
    async fn read(&self, key: &ConnectionKey) -> Result<Option<Row>, StoreError> {
        let key = key.clone();
        self.read(move |transaction| reads::row(transaction, &key, now())).await
    }

    async fn read_record(&self, key: &ConnectionKey) -> Result<Option<Record>, StoreError> {
        let key = key.clone();
        self.read(move |transaction| reads::record(transaction, &key, now())).await
    }

    async fn take_lease(&self, key: &ConnectionKey, owner: &Owner, life: Duration) -> Result<bool, StoreError> {
        Ok(self.writer.lock().await.take(key, owner, life))
    }

    async fn release_lease(&self, key: &ConnectionKey, owner: &Owner) -> Result<(), StoreError> {
        self.writer.lock().await.release(key, owner);
        Ok(())
    }

    async fn write_intent(
        &self,
        key: &ConnectionKey,
        owner: &Owner,
        read: Generation,
        attempt: &AttemptId,
        fingerprint: &Fingerprint,
        replaces: Option<&AttemptId>,
    ) -> Result<IntentWrite, StoreError> {
        let (key, owner, replaces) = (key.clone(), owner.clone(), replaces.cloned());
        let (attempt, fingerprint) = (attempt.clone(), fingerprint.clone());
        self.write(move |write| write.intent(&key, &owner, read, attempt, fingerprint, replaces.as_ref())).await
    }

    async fn clear_intent(&self, key: &ConnectionKey, attempt: &AttemptId) -> Result<(), StoreError> {
        let (key, attempt) = (key.clone(), attempt.clone());
        self.write(move |write| write.clear_intent(&key, &attempt)).await
    }

    async fn commit(&self, key: &ConnectionKey, commit: &Commit) -> Result<Committed, StoreError> {
        let (key, commit) = (key.clone(), commit.clone());
        self.write(move |write| write.commit(&key, commit)).await
    }

    async fn set_status(
        &self,
        key: &ConnectionKey,
        read: Generation,
        status: Status,
        cause: Option<Cause>,
    ) -> Result<bool, StoreError> {
        let key = key.clone();
        self.write(move |write| write.status(&key, read, status, cause)).await
    }

    async fn put(&self, key: &ConnectionKey, record: &NewRecord, when: PutWhen) -> Result<Put, StoreError> {
        let (key, record) = (key.clone(), record.clone());
        self.write(move |write| write.put(&key, record, when)).await
    }

    async fn remove(&self, key: &ConnectionKey, at: Option<Generation>) -> Result<bool, StoreError> {
        let key = key.clone();
        self.write(move |write| write.remove(&key, at)).await
    }

    async fn holder(&self, fingerprint: &Fingerprint) -> Result<Option<ConnectionKey>, StoreError> {
        let fingerprint = fingerprint.clone();
        self.read(move |transaction| reads::holder(transaction, &fingerprint)).await
    }

    async fn list(&self, tenant: Option<&str>, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let range = Range::new(tenant, cursor, limit);
        self.read(move |transaction| reads::page(transaction, &range)).await
    }

    fn changes(&self) -> broadcast::Receiver<ConnectionKey> {
        self.changes.subscribe()
    }

    async fn announce(&self, key: &ConnectionKey) -> Result<(), StoreError> {
        // Nobody listening is no fault.
        let _ = self.changes.send(key.clone());
        Ok(())
    }

    fn reconnects(&self) -> watch::Receiver<u64> {
        self.reconnects.subscribe()
    }

    async fn reseal(
        &self,
        key: &ConnectionKey,
        session: Option<&Resealed>,
        grant: Option<&Resealed>,
    ) -> Result<bool, StoreError> {
        let (key, session, grant) = (key.clone(), session.cloned(), grant.cloned());
        self.write(move |write| write.reseal(&key, session, grant)).await
    }

    async fn wish(&self, wish: &Wish) -> Result<(), StoreError> {
        self.wishes.add(wish);
        Ok(())
    }

    async fn wishes(&self, limit: usize) -> Result<Vec<Wish>, StoreError> {
        Ok(self.wishes.oldest(limit))
    }

    async fn withdraw(&self, wish: &Wish) -> Result<(), StoreError> {
        self.wishes.remove(wish);
        Ok(())
    }

    fn wished(&self) -> broadcast::Receiver<()> {
        self.wishes.listen()
    }

    async fn attend(&self, hub: &Owner, life: Duration) -> Result<bool, StoreError> {
        Ok(self.hub.attend(hub, life))
    }

    async fn step_down(&self, hub: &Owner) -> Result<(), StoreError> {
        self.hub.step_down(hub);
        Ok(())
    }

    async fn has_hub(&self) -> Result<bool, StoreError> {
        Ok(self.hub.lives())
    }

    async fn schedule(&self, due: &[(ConnectionKey, Duration)], when: ScheduleWhen) -> Result<(), StoreError> {
        let due = due.to_vec();
        self.write(move |write| write.schedule(&due, when)).await
    }

    async fn unschedule(&self, key: &ConnectionKey) -> Result<(), StoreError> {
        let key = key.clone();
        self.write(move |write| write.transaction(|tables| tables.unschedule(&key))).await
    }

    async fn take_due(&self, limit: usize, claim: Duration) -> Result<Vec<ConnectionKey>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        // Most of the time nothing is due, and a look costs no write.
        if !self.read(|transaction| schedule::is_any_due(transaction, now())).await? {
            return Ok(Vec::new());
        }
        self.write(move |write| write.take_due(limit, claim)).await
    }

    async fn events(&self, after: Option<&str>, limit: usize) -> Result<Vec<Event>, StoreError> {
        let (after, limit) = (events::cursor(after), limit.clamp(1, MAX_PAGE));
        self.read(move |transaction| events::page(transaction, after, limit)).await
    }

    async fn document(&self, name: &DocumentName) -> Result<Option<Vec<u8>>, StoreError> {
        let name = name.clone();
        self.read(move |transaction| documents::read(transaction, &name, now())).await
    }

    async fn put_document(
        &self,
        name: &DocumentName,
        value: &[u8],
        when: DocumentWhen<'_>,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let (name, value) = (name.clone(), value.to_vec());
        let was = if let DocumentWhen::Was(was) = when { Some(was.to_vec()) } else { None };
        let absent = when == DocumentWhen::Absent;
        self.write(move |write| {
            let when = match &was {
                Some(was) => DocumentWhen::Was(was),
                None if absent => DocumentWhen::Absent,
                None => DocumentWhen::Always,
            };
            write.put_document(&name, &value, when, life)
        })
        .await
    }

    async fn remove_document(&self, name: &DocumentName, was: Option<&[u8]>) -> Result<bool, StoreError> {
        let (name, was) = (name.clone(), was.map(<[u8]>::to_vec));
        self.write(move |write| write.remove_document(&name, was.as_deref())).await
    }

    async fn documents(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let (after, limit) = (after.map(str::to_owned), limit.clamp(1, MAX_PAGE));
        self.read(move |transaction| documents::page(transaction, kind, after.as_deref(), limit, now())).await
    }

    async fn audit(&self, entry: &[u8]) -> Result<(), StoreError> {
        let entry = entry.to_vec();
        self.write(move |write| write.audit(&entry)).await
    }

    async fn audits(&self, after: Option<&str>, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let (after, limit) = (events::cursor(after), limit.clamp(1, MAX_PAGE));
        self.read(move |transaction| documents::audits(transaction, after, limit)).await
    }

    async fn note_used(&self, used: &[(ConnectionKey, Duration)]) -> Result<(), StoreError> {
        let used = used.to_vec();
        self.write(move |write| write.note_used(&used)).await
    }

    async fn last_used(&self, keys: &[ConnectionKey]) -> Result<Vec<Option<StoreTime>>, StoreError> {
        let keys = keys.to_vec();
        self.read(move |transaction| used::at(transaction, &keys)).await
    }

    async fn time(&self) -> Result<StoreTime, StoreError> {
        Ok(now())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(|_| Ok(())).await
    }

    async fn dangers(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}
