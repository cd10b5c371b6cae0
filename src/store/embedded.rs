//! The embedded store: one redb file, one process. Every write is one durable transaction; nothing of redb runs on an
//! async thread, and few of its jobs at a time, so that a burst of callers costs a queue and not threads and memory.

mod documents;
mod events;
mod hub;
mod open;
mod reads;
mod schedule;
mod tables;
mod used;
mod wishes;
mod writes;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use redb::Database;
use tokio::sync::{Mutex, Semaphore, broadcast, watch};

use self::hub::Hub;
use self::wishes::Wishes;
use self::writes::{Leases, Write};
use super::listing::MAX_PAGE;
use super::{
    AttemptId, AuditEntry, Commit, Committed, DocumentKind, DocumentName, DocumentWhen, Event, Fingerprint,
    IntentWrite, NewRecord, Owner, Page, Put, PutWhen, Record, Resealed, Row, ScheduleWhen, Store, StoreError,
    StoreTime, Wish,
};
use crate::connection::{Cause, ConnectionKey, Generation, Status};

/// Reads at one time. The file is on a local disk or in the page cache: more would only take threads.
const MAX_READS: usize = 4;
/// Announcements that a slow receiver may be behind before it lags.
const CHANGES_KEPT: usize = 1024;

/// Connections in one file, of which this process is the only user while it runs.
#[derive(Debug)]
pub struct EmbeddedStore {
    database: Arc<Database>,
    // Leases are in memory: no other process can hold one, and nobody should wait for those of a process that is gone.
    writer: Arc<Mutex<Leases>>,
    reads: Arc<Semaphore>,
    changes: broadcast::Sender<ConnectionKey>,
    wishes: Wishes,
    hub: Hub,
    // Never counts: a file does not go away and come back as an older one while it is held.
    reconnects: watch::Sender<u64>,
}

impl EmbeddedStore {
    /// Opens the file, making it (readable by its owner only) if it is missing. Blocks for the time of a file check.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            database: Arc::new(open::open(path)?),
            writer: Arc::default(),
            reads: Arc::new(Semaphore::new(MAX_READS)),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            wishes: Wishes::default(),
            hub: Hub::default(),
            reconnects: watch::Sender::new(0),
        })
    }

    async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&redb::ReadTransaction) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.reads).acquire_owned().await.expect("the semaphore is never closed");
        let database = Arc::clone(&self.database);
        off_thread(move || {
            let _permit = permit;
            job(&redb::ReadableDatabase::begin_read(&*database).map_err(damage)?)
        })
        .await
    }

    // The job decides, writes and commits; it runs to its end even when the caller goes away.
    async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Write<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let mut leases = Arc::clone(&self.writer).lock_owned().await;
        let database = Arc::clone(&self.database);
        let changes = self.changes.clone();
        off_thread(move || job(Write { database: &database, leases: &mut leases, changes: &changes, now: now() })).await
    }
}

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
        let range = super::listing::Range::new(tenant, cursor, limit);
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

async fn off_thread<T, F>(job: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    let ended = tokio::task::spawn_blocking(job).await;
    ended.map_err(|_| StoreError::Unavailable("an operation on the embedded file was cut short".to_owned()))?
}

fn now() -> StoreTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    StoreTime(u64::try_from(since_epoch.as_millis()).expect("milliseconds fit until the year 584,556,019"))
}

/// What a fault of redb means: the disk may come back, a damaged file does not.
fn damage(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Io(error) => StoreError::Unavailable(format!("the embedded file: {error}")),
        redb::Error::PreviousIo => {
            StoreError::Unavailable("the embedded file failed earlier; check the disk and restart".to_owned())
        }
        redb::Error::DatabaseClosed => StoreError::Unavailable("the embedded file is closed".to_owned()),
        error => StoreError::Refused(format!("the embedded file is damaged ({error}); restore it from a backup")),
    }
}

#[cfg(test)]
mod tests;
