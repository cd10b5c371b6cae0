//! Bodies of answers. Large ones are made as they are sent, so that a gibibyte costs no memory.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::upload::Upload;

/// The size of a generated chunk.
const CHUNK: usize = 64 * 1024;
static PATTERN: [u8; CHUNK] = [b'x'; CHUNK];

/// Why a body could not be sent to its end; the connection is closed.
pub(crate) type SendError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) enum Body {
    Full(Bytes),
    /// The same, with a length that is not told, so that it goes in chunks.
    Chunked(Bytes),
    /// This many bytes of `x`.
    Generated(u64),
    /// The request's own body.
    Echo(Box<Upload>),
    Trickle(Trickle),
    Truncated(Truncated),
}

/// Numbered lines; each after the first waits for a permit.
pub(crate) struct Trickle {
    next: u64,
    chunks: u64,
    permits: Arc<Semaphore>,
    waiting: Option<Permit>,
}

type Permit = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send + Sync>>;

/// Half of a body that was announced in full, then a broken connection.
pub(crate) enum Truncated {
    Half(Bytes),
    /// The half is with the connection, which gets one turn to send it.
    Sending,
    Broken,
}

impl Body {
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(bytes.into())
    }

    pub(crate) fn trickle(chunks: u64, permits: Arc<Semaphore>) -> Self {
        Self::Trickle(Trickle { next: 0, chunks, permits, waiting: None })
    }

    /// Cuts a buffered body in half; `length` bytes remain announced.
    pub(crate) fn truncated(whole: &Bytes) -> Self {
        Self::Truncated(Truncated::Half(whole.slice(..whole.len() / 2)))
    }

    /// Sends in chunks what is there, as Salesforce does, and nothing as nothing.
    pub(crate) fn chunked(self) -> Self {
        match self {
            Self::Full(bytes) if !bytes.is_empty() => Self::Chunked(bytes),
            other => other,
        }
    }

    /// The bytes, if they are all there.
    pub(crate) fn whole(&self) -> Option<&Bytes> {
        match self {
            Self::Full(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let next = match &mut *self {
            Self::Full(bytes) | Self::Chunked(bytes) => {
                Ok(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()))
            }
            Self::Generated(left) => {
                let size = (*left).min(CHUNK as u64);
                *left -= size;
                let size = usize::try_from(size).expect("no more than a chunk");
                Ok((size > 0).then(|| Bytes::from_static(&PATTERN[..size])))
            }
            Self::Echo(upload) => ready!(upload.poll_chunk(cx)).map_err(SendError::from),
            Self::Trickle(trickle) => Ok(ready!(trickle.poll_chunk(cx))),
            Self::Truncated(truncated) => ready!(truncated.poll_chunk(cx)),
        };
        Poll::Ready(next.map(|chunk| chunk.map(Frame::data)).transpose())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Generated(left) => SizeHint::with_exact(*left),
            Self::Chunked(_) | Self::Echo(_) | Self::Trickle(_) | Self::Truncated(_) => SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Generated(left) => *left == 0,
            Self::Chunked(_) | Self::Echo(_) | Self::Trickle(_) | Self::Truncated(_) => false,
        }
    }
}

impl Trickle {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.next == self.chunks {
            return Poll::Ready(None);
        }
        if self.next > 0 {
            let permits = &self.permits;
            let waiting = self.waiting.get_or_insert_with(|| {
                let permits = Arc::clone(permits);
                Box::pin(async move { permits.acquire_owned().await.ok() })
            });
            let permit = ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
            if let Some(permit) = permit {
                permit.forget();
            }
        }
        let line = format!("chunk {}\n", self.next);
        self.next += 1;
        Poll::Ready(Some(Bytes::from(line)))
    }
}

impl Truncated {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, SendError>> {
        match std::mem::replace(self, Self::Broken) {
            Self::Half(half) => {
                *self = Self::Sending;
                Poll::Ready(Ok(Some(half)))
            }
            Self::Sending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Broken => Poll::Ready(Err("cut on purpose".into())),
        }
    }
}
