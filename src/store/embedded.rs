//! The embedded store: one redb file, one process. Every write is one durable transaction; nothing of redb runs on an
//! async thread, and few of its jobs at a time, so that a burst of callers costs a queue and not threads and memory.

mod documents;
mod events;
mod hub;
mod open;
mod operations;
mod reads;
mod schedule;
mod tables;
mod used;
mod wishes;
mod writes;

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use redb::Database;
use tokio::sync::{Mutex, Semaphore, broadcast, watch};

use self::hub::Hub;
use self::wishes::Wishes;
use self::writes::{Leases, Write};
use super::{StoreError, StoreTime};
use crate::connection::ConnectionKey;

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
