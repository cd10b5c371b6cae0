//! Where the part of a request body goes that is too large for memory: a file without a name, sealed in blocks under a
//! key that only this process has. Disk work happens off the worker's thread, one job at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use crate::vault::{EphemeralKey, OVERHEAD};

const BLOCK: usize = 128 * 1024;

/// A growing sealed file, and the tail that does not fill a block yet.
pub(super) struct Spill {
    disk: Arc<Disk>,
    blocks: u64,
    tail: BytesMut,
    writing: Option<JoinHandle<io::Result<()>>>,
}

struct Disk {
    file: File,
    key: EphemeralKey,
}

/// A reader's place in a spill.
#[derive(Default)]
pub(super) struct Place {
    block: u64,
    tail_taken: usize,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Spill {
    /// A new file in `dir`, already unlinked.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        let disk = Arc::new(Disk { file: tempfile::tempfile_in(dir)?, key: EphemeralKey::random() });
        Ok(Self { disk, blocks: 0, tail: BytesMut::new(), writing: None })
    }

    /// Ready when no write is under way.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(writing) = &mut self.writing else { return Poll::Ready(Ok(())) };
        let written = ready!(Pin::new(writing).poll(cx)).unwrap_or_else(|error| Err(io::Error::other(error)));
        self.writing = None;
        Poll::Ready(written)
    }

    /// Appends bytes. Call it only after [`Spill::poll_written`] was ready.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let full = self.tail.len() / BLOCK * BLOCK;
        if full == 0 {
            return;
        }
        let (disk, first, blocks) = (Arc::clone(&self.disk), self.blocks, self.tail.split_to(full).freeze());
        self.blocks += (full / BLOCK) as u64;
        self.writing = Some(tokio::task::spawn_blocking(move || {
            (first..).zip(blocks.chunks(BLOCK)).try_for_each(|(number, block)| disk.write(number, block))
        }));
    }

    /// The next bytes at `place`; `None` at the end of what was appended so far.
    pub(super) fn poll_read(&mut self, place: &mut Place, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Err(error) = ready!(self.poll_written(cx)) {
            return Poll::Ready(Some(Err(error)));
        }
        if place.block < self.blocks {
            let reading = place.reading.get_or_insert_with(|| {
                let (disk, number) = (Arc::clone(&self.disk), place.block);
                tokio::task::spawn_blocking(move || disk.read(number))
            });
            let read = ready!(Pin::new(reading).poll(cx)).unwrap_or_else(|error| Err(io::Error::other(error)));
            place.reading = None;
            place.block += 1;
            return Poll::Ready(Some(read));
        }
        if place.tail_taken < self.tail.len() {
            let bytes = Bytes::copy_from_slice(&self.tail[place.tail_taken..]);
            place.tail_taken = self.tail.len();
            return Poll::Ready(Some(Ok(bytes)));
        }
        Poll::Ready(None)
    }
}

impl Disk {
    fn write(&self, number: u64, block: &[u8]) -> io::Result<()> {
        self.file.write_all_at(&self.key.seal(number, block), offset(number))
    }

    fn read(&self, number: u64) -> io::Result<Bytes> {
        let mut sealed = vec![0; BLOCK + OVERHEAD];
        self.file.read_exact_at(&mut sealed, offset(number))?;
        let block = self.key.open(number, &sealed).ok_or_else(|| io::Error::other("the spill file was altered"))?;
        Ok(Bytes::from(block))
    }
}

fn offset(number: u64) -> u64 {
    number * (BLOCK + OVERHEAD) as u64
}
