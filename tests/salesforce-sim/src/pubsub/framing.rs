//! Messages on the wire: a byte that says whether it is compressed, four that say how long it is, the message.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::status::{End, Status};
use crate::eventbus::Message;
use crate::upload::Upload;

/// The largest message: gRPC's own bound.
const LARGEST: usize = 4 << 20;
const PREFIX: usize = 5;

/// The messages that a caller sends.
pub(super) struct Messages {
    upload: Upload,
    received: BytesMut,
}

pub(super) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).expect("the simulator sends no message of 4 GiB"));
    frame.extend_from_slice(&message.encode_to_vec());
    frame.freeze()
}

impl Messages {
    pub(super) fn new(upload: Upload) -> Self {
        Self { upload, received: BytesMut::new() }
    }

    /// The next message; `None` when there will be none. Nothing is lost if the future is dropped.
    pub(super) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, End> {
        loop {
            if let Some(message) = self.received()? {
                return Ok(Some(message));
            }
            match self.upload.chunk().await {
                Ok(Some(chunk)) => self.received.extend_from_slice(&chunk),
                Ok(None) if self.received.is_empty() => return Ok(None),
                Ok(None) => return Err(Status::malformed().into()),
                Err(_) => return Err(End::CallerGone),
            }
        }
    }

    /// The message of a call that has one.
    pub(super) async fn only<M: Message + Default>(&mut self) -> Result<M, Status> {
        match self.next().await {
            Ok(Some(message)) => Ok(message),
            Err(End::Status(status)) => Err(status),
            // Whoever has gone hears nothing of it.
            Ok(None) | Err(End::Cut | End::CallerGone) => Err(Status::malformed()),
        }
    }

    fn received<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        let Some((prefix, rest)) = self.received.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let [compressed, length @ ..] = *prefix;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if compressed != 0 {
            return Err(Status::unimplemented());
        }
        if length > LARGEST {
            return Err(Status::too_large());
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.received.advance(PREFIX);
        let message = self.received.split_to(length);
        M::decode(message).map(Some).map_err(|_| Status::malformed())
    }
}
