//! A request body that can be sent again. While it streams to the org it is recorded, in memory and then in a spill,
//! as far as the limits allow; each sending after the first reads the record and goes on with the rest of the stream.
//! It is sent whole or not at all: never half, never empty.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use prometheus::IntGauge;

use super::settings::ReplaySettings;
use super::source::Source;
use super::spill::{Place, Spill};
use crate::transport::{BodyError, RequestBody};

/// Pieces of the record have at least this size, whatever size they came in.
const PIECE: usize = 16 * 1024;

/// The memory that all recorded bodies of a process may take together.
pub struct ReplayMemory {
    used: AtomicUsize,
    limit: usize,
    gauge: IntGauge,
}

impl ReplayMemory {
    /// Memory for `limit` bytes, shown in `gauge`.
    pub fn new(limit: usize, gauge: IntGauge) -> Self {
        Self { used: AtomicUsize::new(0), limit, gauge }
    }

    fn take(&self, bytes: usize) -> bool {
        let taken = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limit;
        if taken {
            self.gauge.add(i64::try_from(bytes).unwrap_or(i64::MAX));
        } else {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        taken
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.gauge.sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

/// The body of one call.
pub struct ReplayBody(Option<Arc<Mutex<Recording>>>);

struct Recording {
    source: Option<Source>,
    record: Option<Record>,
    /// Which sending may read; an earlier one that still polls is turned away.
    sending: u32,
    progress: Instant,
    caller_failed: bool,
    /// The org has accepted the call: the record is dropped as soon as no sending reads it any more.
    accepted: bool,
    /// The present sending still reads the record.
    reads_record: bool,
}

/// What has been read of the source so far.
struct Record {
    /// Copies: a piece as it came may be one byte that keeps a whole read buffer alive.
    chunks: Vec<Bytes>,
    /// What does not fill a piece yet.
    tail: BytesMut,
    memory: usize,
    memory_limit: usize,
    spill: Option<Spill>,
    spilled: u64,
    spill_limit: u64,
    spill_dir: Option<PathBuf>,
    budget: Arc<ReplayMemory>,
}

/// One sending of the body.
struct Sending {
    /// What this sending begins with, before what was recorded.
    opening: Option<Bytes>,
    recording: Arc<Mutex<Recording>>,
    number: u32,
    chunk: usize,
    place: Place,
    /// The record has been read to its end; what follows comes from the source.
    live: bool,
    length: SizeHint,
}

impl ReplayBody {
    /// Wraps a caller's body. One whose declared length is over the limits is streamed once and not recorded.
    pub fn new(body: Source, settings: &ReplaySettings, budget: &Arc<ReplayMemory>) -> Self {
        if body.is_end_stream() {
            return Self(None);
        }
        let memory_limit = usize::try_from(settings.memory).unwrap_or(usize::MAX);
        let spill_limit = match settings.spill_dir {
            Some(_) => settings.spill.saturating_sub(settings.memory),
            None => 0,
        };
        let most = settings.memory.saturating_add(spill_limit);
        let fits = body.size_hint().lower() <= most;
        let record = fits.then(|| Record {
            chunks: Vec::new(),
            tail: BytesMut::new(),
            memory: 0,
            memory_limit,
            spill: None,
            spilled: 0,
            spill_limit,
            spill_dir: settings.spill_dir.clone(),
            budget: Arc::clone(budget),
        });
        Self(Some(Arc::new(Mutex::new(Recording {
            source: Some(body),
            record,
            sending: 0,
            progress: Instant::now(),
            caller_failed: false,
            accepted: false,
            reads_record: false,
        }))))
    }

    /// No body of the caller's: what there is to send is given to each sending.
    pub fn nothing() -> Self {
        Self(None)
    }

    /// Begins a sending, with `opening` in front if there is one; the sending before it ends. Call it again only while
    /// [`ReplayBody::can_be_sent_again`].
    pub fn send(&self, opening: Option<Bytes>) -> RequestBody {
        let Some(recording) = &self.0 else { return opening.map_or(RequestBody::Empty, RequestBody::Whole) };
        let mut state = lock(recording);
        state.sending += 1;
        state.reads_record = state.sending > 1;
        state.progress = Instant::now();
        if let Some(record) = &mut state.record {
            record.end_piece();
        }
        // Only a declared length may be announced; what is recorded so far may not be all.
        let length = match &state.source {
            Some(source) if state.sending == 1 && opening.is_none() => source.size_hint(),
            _ => SizeHint::default(),
        };
        RequestBody::Stream(Box::pin(Sending {
            opening,
            recording: Arc::clone(recording),
            number: state.sending,
            chunk: 0,
            place: Place::default(),
            live: state.sending == 1,
            length,
        }))
    }

    /// Whether everything that was read of the body is still there.
    pub fn can_be_sent_again(&self) -> bool {
        self.0.as_ref().is_none_or(|recording| {
            let state = lock(recording);
            state.record.is_some() && !state.caller_failed
        })
    }

    /// Whether the caller's side broke off or sent a malformed body.
    pub fn caller_failed(&self) -> bool {
        self.0.as_ref().is_some_and(|recording| lock(recording).caller_failed)
    }

    /// When the body last moved towards the org; `None` for no body.
    pub fn progress(&self) -> Option<Instant> {
        self.0.as_ref().map(|recording| lock(recording).progress)
    }

    /// What no sending has read of the caller's body; each is turned away after that.
    pub fn unread(&self) -> Source {
        let Some(recording) = &self.0 else { return Source::Nothing };
        let mut state = lock(recording);
        state.sending += 1;
        state.source.take().unwrap_or_default()
    }

    /// The org has accepted the call: what was recorded is not needed any more.
    pub fn forget(&self) {
        if let Some(recording) = &self.0 {
            let mut state = lock(recording);
            state.accepted = true;
            state.drop_if_done();
        }
    }
}

fn lock(recording: &Mutex<Recording>) -> MutexGuard<'_, Recording> {
    // A panic while recording loses at most the record's last chunk, and ends the sending that it belonged to.
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recording {
    fn drop_if_done(&mut self) {
        if self.accepted && !self.reads_record {
            self.record = None;
        }
    }

    /// The next chunk of the source, recorded as far as the limits allow.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Some(spill) = self.record.as_mut().and_then(|record| record.spill.as_mut())
            && ready!(spill.poll_written(cx)).is_err()
        {
            // A full disk costs the replay, not the call.
            self.record = None;
        }
        loop {
            let Some(source) = &mut self.source else { return Poll::Ready(None) };
            let Some(frame) = ready!(Pin::new(source).poll_frame(cx)) else {
                self.source = None;
                return Poll::Ready(None);
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    self.caller_failed = true;
                    self.source = None;
                    return Poll::Ready(Some(Err(error)));
                }
            };
            // Trailers of a request mean nothing to the org and end here.
            if let Ok(data) = frame.into_data() {
                self.progress = Instant::now();
                if self.record.as_mut().is_some_and(|record| !record.add(&data)) {
                    self.record = None;
                }
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }
}

impl Record {
    /// Keeps a chunk; false if it does not fit.
    fn add(&mut self, data: &Bytes) -> bool {
        let fits = self.spill.is_none() && self.memory + data.len() <= self.memory_limit;
        if fits && self.budget.take(data.len()) {
            self.memory += data.len();
            self.tail.extend_from_slice(data);
            if self.tail.len() >= PIECE {
                self.end_piece();
            }
            return true;
        }
        self.spilled += data.len() as u64;
        if self.spilled > self.spill_limit {
            return false;
        }
        let spill = match (&mut self.spill, &self.spill_dir) {
            (Some(spill), _) => spill,
            (none, Some(dir)) => match Spill::create(dir) {
                Ok(spill) => none.insert(spill),
                Err(error) => {
                    tracing::warn!(%error, "proxy.replay_spill_dir cannot be written; a body was sent without replay");
                    return false;
                }
            },
            (None, None) => return false,
        };
        spill.append(data);
        true
    }

    /// Makes a piece of what is there, so that it can be read.
    fn end_piece(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push(self.tail.split().freeze());
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.budget.give_back(self.memory);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the body is being sent again on another connection")]
struct Superseded;

impl Body for Sending {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let mut state = lock(&this.recording);
        if state.sending != this.number {
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        if let Some(opening) = this.opening.take() {
            return Poll::Ready(Some(Ok(Frame::data(opening))));
        }
        if !this.live {
            if let Some(record) = &mut state.record {
                if let Some(chunk) = record.chunks.get(this.chunk) {
                    this.chunk += 1;
                    return Poll::Ready(Some(Ok(Frame::data(chunk.clone()))));
                }
                if let Some(spill) = &mut record.spill
                    && let Some(read) = ready!(spill.poll_read(&mut this.place, cx))
                {
                    return Poll::Ready(Some(read.map(Frame::data).map_err(Into::into)));
                }
            } else {
                return Poll::Ready(Some(Err(Superseded.into())));
            }
            this.live = true;
            state.reads_record = false;
            state.drop_if_done();
        }
        state.poll_source(cx).map(|chunk| chunk.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.opening.is_none() && self.live && lock(&self.recording).source.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.length
    }
}

#[cfg(test)]
mod tests;
