//! The control socket: how the command line reaches the process that owns the store. A Unix socket, 0600, for the same
//! user only; each request is one line of JSON, and so is each reply.

mod client;
mod server;
mod wire;

use std::io;

pub use client::Client;
pub use server::{Listener, serve};
pub use wire::{Name, Request};

/// Longest request line. An import is the longest, and its envelope is a few bytes more.
const MAX_REQUEST_BYTES: usize = crate::management::MAX_DOCUMENT_BYTES + 1024;
/// Longest reply line: a page of a thousand connections with the longest names, every byte escaped.
const MAX_REPLY_BYTES: usize = 4 << 20;

/// Why the control socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another process answers there.
    #[error("{0} is in use: another orgpass serve answers there")]
    InUse(String),
    /// Something else than a socket is there.
    #[error("{0} is not a socket; move it away or name another path in control.listen")]
    NotASocket(String),
    /// The process at the other end runs as somebody else.
    #[error("{0} belongs to another user; run the command as the user that orgpass serve runs as")]
    OtherUser(String),
    /// It cannot be made or reached.
    #[error("cannot use {0}: {1}")]
    Io(String, io::Error),
}

/// The user that this process acts as.
fn own_uid() -> io::Result<u32> {
    let (one, _other) = tokio::net::UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

#[cfg(test)]
mod tests;
