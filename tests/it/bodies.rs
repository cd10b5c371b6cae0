//! Request bodies that a test steers: large ones that cost no memory, and one that is fed chunk by chunk.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, SizeHint};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const CHUNK: usize = 64 * 1024;
static ZEROS: [u8; CHUNK] = [0; CHUNK];

/// Bytes of which no two blocks are alike, so that a body with a part lost, doubled or moved has another hash.
pub fn noise(length: usize) -> Bytes {
    let blocks = (0..length.div_ceil(32)).flat_map(|number: usize| Sha256::digest(number.to_le_bytes()));
    blocks.take(length).collect()
}

/// The hash as the simulator tells it.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A body of a known length.
pub fn whole(bytes: Bytes) -> BoxBody<Bytes, Failure> {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// So many zeros, made as they are sent, of declared length or chunked.
pub fn zeros(length: u64, declared: bool) -> BoxBody<Bytes, Failure> {
    Zeros { left: length, declared }.boxed()
}

/// A chunked body and its other end. Dropping that ends the body; sending an error breaks it off.
pub fn fed() -> (mpsc::Sender<Result<Bytes, Failure>>, BoxBody<Bytes, Failure>) {
    let (feed, chunks) = mpsc::channel(16);
    (feed, Fed(chunks).boxed())
}

struct Zeros {
    left: u64,
    declared: bool,
}

struct Fed(mpsc::Receiver<Result<Bytes, Failure>>);

impl Body for Zeros {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let size = self.left.min(CHUNK as u64);
        self.left -= size;
        let chunk = Bytes::from_static(&ZEROS[..usize::try_from(size).unwrap()]);
        Poll::Ready((size > 0).then(|| Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.declared { SizeHint::with_exact(self.left) } else { SizeHint::default() }
    }
}

impl Body for Fed {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
