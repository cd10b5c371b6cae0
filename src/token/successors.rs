//! What this process has exchanged for lately: for each connection the newest outcome, and which refresh tokens were
//! spent on the way to it. Should the store go back to one of these, the outcome is stored again.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::journal::{Entry, Journal, KEPT_FOR};
use crate::connection::ConnectionKey;
use crate::metrics::TokenMetrics;
use crate::store::{Commit, Committed, Fingerprint, Store, StoreError};

/// The most connections kept; more push older ones out. Each takes a few kilobytes.
const MAX_KEPT: usize = 20_000;
/// Room is made for so many at first: the tables of an idle process stay small.
const EXPECTED: usize = 256;
/// The most spent tokens kept of one connection: a day of hourly exchanges, twice over.
const MAX_SPENT: usize = 64;
/// Between two tries to compare while the store does not answer.
const AGAIN: Duration = Duration::from_secs(1);
/// Comparisons with the store at one time.
const AT_ONCE: usize = 16;

/// What was exchanged for lately. Bounded.
#[derive(Debug)]
pub struct Successors {
    kept: Arc<Kept>,
    journal: Option<Arc<Journal>>,
}

type Kept = Cache<ConnectionKey, Arc<Successor>, UnitWeighter, foldhash::fast::RandomState>;

#[derive(Debug)]
struct Successor {
    entry: Entry,
    /// Oldest first.
    spent: Vec<Fingerprint>,
    since: Instant,
}

impl Successors {
    /// Kept in memory only, or with a folder in a journal there too, together with what processes that are gone have
    /// left in it. Blocks.
    pub fn open(journal_folder: Option<&Path>) -> std::io::Result<Self> {
        let hasher = foldhash::fast::RandomState::default();
        let kept = Arc::new(Cache::with(EXPECTED, MAX_KEPT as u64, UnitWeighter, hasher, DefaultLifecycle::default()));
        let Some(folder) = journal_folder else { return Ok(Self { kept, journal: None }) };
        let (journal, entries) = Journal::open(folder)?;
        let successors = Self { kept, journal: Some(Arc::new(journal)) };
        for entry in entries {
            successors.note(entry);
        }
        Ok(successors)
    }

    /// Keeps an outcome. True if a crash does not lose it any more. Grants that spend nothing leave nothing to keep.
    pub(super) async fn keep(&self, key: &ConnectionKey, commit: &Commit) -> bool {
        if commit.spent.is_none() {
            return false;
        }
        let entry = Entry::new(key.clone(), commit.clone());
        self.note(entry.clone());
        let Some(journal) = self.journal.clone() else { return false };
        let kept = Arc::clone(&self.kept);
        let live = move || kept.iter().map(|(_, successor)| successor.entry.clone()).collect();
        let written = tokio::task::spawn_blocking(move || journal.append(&entry, live)).await;
        match written.map_err(std::io::Error::other).flatten() {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(connection = %key, %error, "the journal does not take a new token; the store has to");
                false
            }
        }
    }

    fn note(&self, entry: Entry) {
        let generation = entry.commit.head.generation;
        let before = self.kept.peek(&entry.key);
        let mut spent: Vec<Fingerprint> = before
            .filter(|before| generation.supersedes_in_epoch(before.entry.commit.head.generation))
            .map(|before| before.spent.clone())
            .unwrap_or_default();
        spent.extend(entry.commit.spent.clone());
        let surplus = spent.len().saturating_sub(MAX_SPENT);
        spent.drain(..surplus);
        let key = entry.key.clone();
        self.kept.insert(key, Arc::new(Successor { entry, spent, since: Instant::now() }));
    }

    /// Compares with the store for as long as it lives: everything at the start and whenever it was reached again, and
    /// a connection when it is announced.
    pub(super) async fn guard(&self, store: Arc<dyn Store>, metrics: TokenMetrics) {
        let (mut changes, mut reconnects) = (store.changes(), store.reconnects());
        let (mut is_due, mut can_be_lost) = (true, true);
        loop {
            if is_due {
                is_due = !self.compare_all(&store, &metrics).await;
            }
            tokio::select! {
                () = tokio::time::sleep(AGAIN), if is_due => {}
                reached = reconnects.changed(), if can_be_lost => (is_due, can_be_lost) = (true, reached.is_ok()),
                changed = changes.recv() => match changed {
                    Ok(key) => is_due |= !compare(&self.kept, &key, &store, &metrics).await,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    /// True if all could be compared.
    async fn compare_all(&self, store: &Arc<dyn Store>, metrics: &TokenMetrics) -> bool {
        let keys: Vec<ConnectionKey> = self.kept.iter().map(|(key, _)| key).collect();
        let (mut under_way, mut all) = (JoinSet::new(), true);
        for key in keys {
            if under_way.len() >= AT_ONCE {
                all &= under_way.join_next().await.is_none_or(|compared| compared.unwrap_or(false));
            }
            let (kept, store, metrics) = (Arc::clone(&self.kept), Arc::clone(store), metrics.clone());
            under_way.spawn(async move { compare(&kept, &key, &store, &metrics).await });
        }
        under_way.join_all().await.into_iter().fold(all, std::ops::BitAnd::bitand)
    }
}

/// Stores the outcome again if the store has gone back to before it. False if that could not be found out.
async fn compare(kept: &Kept, key: &ConnectionKey, store: &Arc<dyn Store>, metrics: &TokenMetrics) -> bool {
    let Some(successor) = kept.peek(key) else { return true };
    if successor.since.elapsed() > KEPT_FOR {
        kept.remove(key);
        return true;
    }
    match store_again(key, &successor, store).await {
        Ok(false) => true,
        Ok(true) => {
            metrics.restored.inc();
            tracing::warn!(connection = %key, "the store had gone back to a spent token; its successor is stored again");
            true
        }
        Err(error) => {
            tracing::debug!(connection = %key, %error, "whether the store has gone back could not be found out");
            false
        }
    }
}

async fn store_again(key: &ConnectionKey, successor: &Successor, store: &Arc<dyn Store>) -> Result<bool, StoreError> {
    let Some(row) = store.read(key).await? else { return Ok(false) };
    let commit = &successor.entry.commit;
    let went_back = commit.head.generation.supersedes_in_epoch(row.head.generation)
        && row.head.fingerprint.as_ref().is_some_and(|stored| successor.spent.contains(stored));
    if !went_back {
        return Ok(false);
    }
    let mut again = Commit { read: row.head.generation, spent: row.head.fingerprint, ..commit.clone() };
    // It is stored now but was answered long ago: that an org refuses its session would tell nothing.
    again.head.attempt = None;
    Ok(store.commit(key, &again).await? == Committed::Stored)
}

#[cfg(test)]
mod tests;
