//! The command line's end of the control socket.

use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::wire::{Name, Reply, Request};
use super::{ControlError, MAX_REPLY_BYTES, own_uid};
use crate::management::{AppDocument, AppView, ImportDocument, Imported, Refusal};

/// A connection to a running `serve`.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the `serve` at `path`. `None` if nobody answers there: no socket, or one left by a process that is
    /// gone.
    pub async fn connect(path: &Path) -> Result<Option<Self>, ControlError> {
        let name = || path.display().to_string();
        let stream = match UnixStream::connect(path).await {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(ControlError::OtherUser(name()));
            }
            Err(error) => return Err(ControlError::Io(name(), error)),
        };
        let io = |error| ControlError::Io(name(), error);
        let (peer, own) = (stream.peer_cred().map_err(io)?.uid(), own_uid().map_err(io)?);
        // A request may carry tokens: they go to this user's process, or root's. Root itself goes where it was told to.
        if peer != own && peer != 0 && own != 0 {
            return Err(ControlError::OtherUser(name()));
        }
        Ok(Some(Self { stream: BufReader::new(stream) }))
    }

    /// Asks for an import.
    pub async fn import(&mut self, document: &ImportDocument) -> Result<Imported, Refusal> {
        // What was wrong when it was read does not travel.
        if !document.faults.is_empty() {
            return Err(Refusal::Input(document.faults.clone()));
        }
        let document = document.to_line();
        let mut line = Zeroizing::new(String::with_capacity(document.len() + 16));
        for part in ["{\"import\":", &document, "}\n"] {
            line.push_str(part);
        }
        self.exchange(line.as_bytes()).await
    }

    /// Asks for a tenant's app to be taken.
    pub async fn put_app(&mut self, tenant: &Name, app: &AppDocument) -> Result<AppView, Refusal> {
        // As above.
        if !app.faults().is_empty() {
            return Err(Refusal::Input(app.faults().to_vec()));
        }
        let name = serde_json::to_string(tenant).expect("texts serialize");
        let app = app.to_line();
        let mut line = Zeroizing::new(String::with_capacity(app.len() + name.len() + 64));
        for part in ["{\"put_app\":{\"connection\":", &name, ",\"app\":", &app, "}}\n"] {
            line.push_str(part);
        }
        self.exchange(line.as_bytes()).await
    }

    /// Asks for anything but an import or an app.
    pub async fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, Refusal> {
        let mut line = serde_json::to_string(request)
            .map_err(|error| Refusal::Failed { message: format!("the request cannot be written: {error}") })?;
        line.push('\n');
        self.exchange(line.as_bytes()).await
    }

    /// Asks the process to stop in order, and returns when everything in it has ended.
    pub async fn drain(mut self) -> Result<(), Refusal> {
        self.ask::<()>(&Request::Drain).await?;
        // Closed in whatever way: it is over.
        let _ = self.stream.read_u8().await;
        Ok(())
    }

    async fn exchange<T: DeserializeOwned>(&mut self, line: &[u8]) -> Result<T, Refusal> {
        let lost = |error: &dyn std::fmt::Display| Refusal::Failed {
            message: format!("the running orgpass serve gave no answer ({error}); whether it was done is not known"),
        };
        self.stream.get_mut().write_all(line).await.map_err(|error| lost(&error))?;
        let mut reply = String::new();
        let limit = u64::try_from(MAX_REPLY_BYTES).expect("it is 4 MiB");
        (&mut self.stream).take(limit).read_line(&mut reply).await.map_err(|error| lost(&error))?;
        match serde_json::from_str(&reply) {
            Ok(Reply::Done(done)) => Ok(done),
            Ok(Reply::Refused(refusal)) => Err(refusal),
            Err(_) if reply.is_empty() => Err(lost(&"it closed the connection")),
            Err(_) => Err(lost(&"its answer is not understood; is it another version?")),
        }
    }
}
