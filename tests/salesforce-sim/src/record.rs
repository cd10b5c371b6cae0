//! The record of every request that reached the simulator, in the order of arrival. An entry appears when
//! a request's head has been read and is completed as its body and answer come; the oldest fall out.

mod request;

pub use request::{RecordedHeaders, RecordedRequest};

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::sync::Notify;

/// How many requests are kept.
const KEPT_REQUESTS: usize = 200_000;
/// How many bytes of bodies are kept in all; older bodies are forgotten, their length and hash are not.
const KEPT_BODY_BYTES: usize = 256 << 20;
/// How long [`Record::wait_for`] waits: far beyond any honest answer on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a request's head tells the record.
pub(crate) struct Arrival<'a> {
    pub(crate) org: Option<&'a str>,
    pub(crate) method: &'a Method,
    pub(crate) path_and_query: String,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) access_token: Option<String>,
}

/// What was received of a request's body.
pub(crate) struct ReceivedBody {
    pub(crate) length: u64,
    pub(crate) sha256: [u8; 32],
    pub(crate) kept: Option<Bytes>,
    pub(crate) complete: bool,
}

#[derive(Default)]
pub(crate) struct Record {
    log: Mutex<Log>,
    changed: Notify,
}

struct Log {
    next: u64,
    most: usize,
    entries: VecDeque<RecordedRequest>,
    with_body: VecDeque<u64>,
    body_bytes: usize,
}

/// The place of one request in the record, to be completed later.
pub(crate) struct Entry {
    record: Arc<Record>,
    number: u64,
}

impl Record {
    pub(crate) fn arrived(self: &Arc<Self>, arrival: Arrival<'_>) -> Entry {
        let headers = RecordedHeaders::pack(arrival.headers);
        let mut log = self.lock();
        let number = log.next;
        log.next += 1;
        log.entries.push_back(RecordedRequest {
            number,
            org: arrival.org.map(str::to_owned),
            method: arrival.method.clone(),
            path_and_query: arrival.path_and_query,
            headers,
            access_token: arrival.access_token,
            body_length: 0,
            body_sha256: [0; 32],
            body: None,
            body_complete: false,
            status: None,
            dead: false,
            foreign_token: false,
            grpc_status: None,
        });
        log.forget_oldest();
        drop(log);
        self.changed.notify_waiters();
        Entry { record: Arc::clone(self), number }
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.lock().entries.iter().cloned().collect()
    }

    /// How many requests have arrived since the start.
    pub(crate) fn total(&self) -> u64 {
        self.lock().next
    }

    /// Those from `number` on: a reader that polls asks for what it has not seen.
    pub(crate) fn since(&self, number: u64) -> Vec<RecordedRequest> {
        let log = self.lock();
        let entries = log.entries.iter();
        entries.filter(|entry| entry.number >= number).cloned().collect()
    }

    /// Empties the record. Requests under way are forgotten too.
    pub(crate) fn clear(&self) {
        let mut log = self.lock();
        log.entries.clear();
        log.with_body.clear();
        log.body_bytes = 0;
    }

    pub(crate) fn keep(&self, most: usize) {
        let mut log = self.lock();
        log.most = most.min(KEPT_REQUESTS);
        log.forget_oldest();
    }

    /// Waits until `count` requests match, and returns those that then do.
    ///
    /// # Panics
    /// When a minute passes first.
    pub(crate) async fn wait_for(
        &self,
        matches: impl Fn(&RecordedRequest) -> bool,
        count: usize,
    ) -> Vec<RecordedRequest> {
        let found = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = self.matching(&matches, count) {
                    return found;
                }
                changed.await;
            }
        };
        if let Ok(found) = tokio::time::timeout(PATIENCE, found).await {
            return found;
        }
        let recorded = self.lock().entries.len();
        panic!("{count} matching requests did not come; {recorded} are recorded");
    }

    fn matching(&self, matches: &impl Fn(&RecordedRequest) -> bool, count: usize) -> Option<Vec<RecordedRequest>> {
        let log = self.lock();
        let found = || log.entries.iter().filter(|entry| matches(entry));
        (found().count() >= count).then(|| found().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // A test's own predicate may panic under the lock; the record is whole all the same.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { next: 0, most: KEPT_REQUESTS, entries: VecDeque::new(), with_body: VecDeque::new(), body_bytes: 0 }
    }
}

impl Log {
    fn forget_oldest(&mut self) {
        while self.entries.len() > self.most {
            let oldest = self.entries.pop_front();
            let body = oldest.and_then(|entry| entry.body);
            self.body_bytes -= body.map_or(0, |body| body.len());
        }
    }

    fn entry(&mut self, number: u64) -> Option<&mut RecordedRequest> {
        let first = self.entries.front()?.number;
        let place = usize::try_from(number.checked_sub(first)?).ok()?;
        self.entries.get_mut(place)
    }

    fn keep_body(&mut self, number: u64, bytes: usize) {
        self.with_body.push_back(number);
        self.body_bytes += bytes;
        while self.body_bytes > KEPT_BODY_BYTES {
            let Some(oldest) = self.with_body.pop_front() else {
                break;
            };
            let forgotten = self.entry(oldest).and_then(|entry| entry.body.take());
            self.body_bytes -= forgotten.map_or(0, |body| body.len());
        }
    }
}

impl Entry {
    pub(crate) fn body(&self, received: ReceivedBody) {
        let mut log = self.record.lock();
        let Some(entry) = log.entry(self.number) else {
            return;
        };
        entry.body_length = received.length;
        entry.body_sha256 = received.sha256;
        entry.body_complete = received.complete;
        let kept = received.kept.as_ref().map_or(0, Bytes::len);
        entry.body = received.kept;
        if kept > 0 {
            log.keep_body(self.number, kept);
        }
        drop(log);
        self.record.changed.notify_waiters();
    }

    pub(crate) fn answered(&self, status: u16, dead: bool) {
        self.change(|entry| {
            entry.status = Some(status);
            entry.dead = dead;
        });
    }

    /// The token was in the body.
    pub(crate) fn presented(&self, access_token: &str) {
        self.change(|entry| entry.access_token = Some(access_token.to_owned()));
    }

    pub(crate) fn foreign_token(&self) {
        self.change(|entry| entry.foreign_token = true);
    }

    /// A gRPC call has ended with this status.
    pub(crate) fn ended(&self, grpc_status: u32, dead: bool) {
        self.change(|entry| {
            entry.grpc_status = Some(grpc_status);
            entry.dead = dead;
        });
    }

    pub(crate) fn again(&self) -> Entry {
        Entry { record: Arc::clone(&self.record), number: self.number }
    }

    fn change(&self, change: impl FnOnce(&mut RecordedRequest)) {
        let mut log = self.record.lock();
        if let Some(entry) = log.entry(self.number) {
            change(entry);
        }
        drop(log);
        self.record.changed.notify_waiters();
    }
}
