//! The body of a request: counted and hashed as it is read, whoever reads it, and entered in the record
//! when it has ended or been given up.

use std::future::poll_fn;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};
use sha2::{Digest, Sha256};

use crate::record::{Entry, ReceivedBody};

/// Bodies up to this size are kept in the record.
const KEPT: usize = 1 << 20;
/// The most that is buffered for an operation on records: Salesforce's own limit for non-multipart data.
pub(crate) const BUFFERED: usize = 50 << 20;

pub(crate) struct Upload {
    incoming: Incoming,
    entry: Entry,
    hash: Sha256,
    length: u64,
    kept: Option<BytesMut>,
    complete: bool,
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum UploadError {
    /// The sender went away or broke the framing: nobody is left to answer.
    Broken,
    TooLarge,
}

/// Length and hash of a body that was read and dropped.
pub(crate) struct Summary {
    pub(crate) length: u64,
    pub(crate) sha256: [u8; 32],
}

impl Upload {
    pub(crate) fn new(incoming: Incoming, entry: Entry) -> Self {
        Self {
            complete: incoming.is_end_stream(),
            incoming,
            entry,
            hash: Sha256::new(),
            length: 0,
            kept: Some(BytesMut::new()),
        }
    }

    /// The next bytes; `None` at the end.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, &'static str>> {
        // Not left to the next poll: once the answer has gone out, hyper says that a body of known length has
        // ended only when the next request arrives.
        if self.incoming.is_end_stream() {
            self.complete = true;
            return Poll::Ready(Ok(None));
        }
        loop {
            let frame = match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => return Poll::Ready(Err("the request body broke off")),
                None => {
                    self.complete = true;
                    return Poll::Ready(Ok(None));
                }
            };
            if let Ok(chunk) = frame.into_data() {
                self.take_in(&chunk);
                return Poll::Ready(Ok(Some(chunk)));
            }
        }
    }

    /// As [`Upload::poll_chunk`].
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, UploadError> {
        poll_fn(|cx| self.poll_chunk(cx)).await.map_err(|_| UploadError::Broken)
    }

    /// The whole body as it was sent.
    pub(crate) async fn collect(mut self, limit: usize) -> Result<Bytes, UploadError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > limit {
                return Err(UploadError::TooLarge);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// The whole body, unpacked if it was sent with `Content-Encoding: gzip`.
    pub(crate) async fn collect_plain(self, gzipped: bool, limit: usize) -> Result<Bytes, UploadError> {
        let sent = self.collect(limit).await?;
        if !gzipped || sent.is_empty() {
            return Ok(sent);
        }
        let mut plain = Vec::new();
        let most = limit as u64 + 1;
        flate2::read::GzDecoder::new(&*sent).take(most).read_to_end(&mut plain).map_err(|_| UploadError::Broken)?;
        if plain.len() > limit {
            return Err(UploadError::TooLarge);
        }
        Ok(Bytes::from(plain))
    }

    /// Reads to the end and keeps nothing.
    pub(crate) async fn drain(mut self) -> Result<Summary, UploadError> {
        while self.chunk().await?.is_some() {}
        Ok(Summary { length: self.length, sha256: self.hash.clone().finalize().into() })
    }

    fn take_in(&mut self, chunk: &Bytes) {
        self.hash.update(chunk);
        self.length += chunk.len() as u64;
        match &mut self.kept {
            Some(kept) if kept.len() + chunk.len() <= KEPT => kept.extend_from_slice(chunk),
            _ => self.kept = None,
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.entry.body(ReceivedBody {
            length: self.length,
            sha256: self.hash.clone().finalize().into(),
            kept: self.kept.take().map(BytesMut::freeze),
            complete: self.complete,
        });
    }
}
