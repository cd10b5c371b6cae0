//! The record of every request that reached the simulator, in the order of arrival. An entry appears when
//! a request's head has been read and is completed as its body and answer come; the oldest fall out.

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

/// One request as the simulator received it, and what became of it.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// Counts from 0 over the simulator's life, in order of arrival.
    pub number: u64,
    /// The 18-character id of the org whose listener was reached; `None` on the login host.
    pub org: Option<String>,
    /// The method.
    pub method: Method,
    /// Path and query, byte for byte as received (the whole URL if the request used the absolute form).
    pub path_and_query: String,
    /// Every header in order, names in lower case.
    pub headers: RecordedHeaders,
    /// The access token that was presented, wherever it was.
    pub access_token: Option<String>,
    /// Bytes of body received.
    pub body_length: u64,
    /// SHA-256 of the bytes received.
    pub body_sha256: [u8; 32],
    /// The body, if it had at most 1 MiB and has not been pushed out by newer ones.
    pub body: Option<Bytes>,
    /// Whether the body was received to its end.
    pub body_complete: bool,
    /// The status answered; `None` while no answer was given, and for good if the connection was cut.
    pub status: Option<u16>,
    /// Whether the answer was a dead-session answer.
    pub dead: bool,
    /// Whether the token presented belongs to another org than the one it was sent to.
    pub foreign_token: bool,
}

impl RecordedRequest {
    /// The path without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query.split('?').next().unwrap_or_default()
    }

    /// The first value of a header, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

/// The headers of a recorded request, packed into one buffer because hundreds of thousands are kept.
#[derive(Clone, Debug, Default)]
pub struct RecordedHeaders(Box<[u8]>);

impl RecordedHeaders {
    fn pack(headers: &HeaderMap) -> Self {
        let size = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 2);
        let mut packed = Vec::with_capacity(size.sum());
        for (name, value) in headers {
            packed.extend_from_slice(name.as_str().as_bytes());
            packed.push(b':');
            packed.extend_from_slice(value.as_bytes());
            // A header value cannot hold a line end, so it separates.
            packed.push(b'\n');
        }
        Self(packed.into_boxed_slice())
    }

    /// Names, in lower case, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((
                std::str::from_utf8(&line[..colon]).ok()?,
                &line[colon + 1..],
            ))
        })
    }

    /// The first value of a header, if it is there and is text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// All values of a header that are text.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// Whether there is a header of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

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

#[derive(Default)]
struct Log {
    next: u64,
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
        });
        if log.entries.len() > KEPT_REQUESTS {
            log.entries.pop_front();
        }
        drop(log);
        self.changed.notify_waiters();
        Entry {
            record: Arc::clone(self),
            number,
        }
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.lock().entries.iter().cloned().collect()
    }

    /// Those from `number` on: a reader that polls asks for what it has not seen.
    pub(crate) fn since(&self, number: u64) -> Vec<RecordedRequest> {
        let log = self.lock();
        let entries = log.entries.iter();
        entries
            .filter(|entry| entry.number >= number)
            .cloned()
            .collect()
    }

    /// Empties the record. Requests under way are forgotten too.
    pub(crate) fn clear(&self) {
        let mut log = self.lock();
        log.entries.clear();
        log.with_body.clear();
        log.body_bytes = 0;
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

    fn matching(
        &self,
        matches: &impl Fn(&RecordedRequest) -> bool,
        count: usize,
    ) -> Option<Vec<RecordedRequest>> {
        let log = self.lock();
        let found = || log.entries.iter().filter(|entry| matches(entry));
        (found().count() >= count).then(|| found().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // A test's own predicate may panic under the lock; the record is whole all the same.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
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

    pub(crate) fn foreign_token(&self) {
        self.change(|entry| entry.foreign_token = true);
    }

    pub(crate) fn again(&self) -> Entry {
        Entry {
            record: Arc::clone(&self.record),
            number: self.number,
        }
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
