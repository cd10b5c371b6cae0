//! The end of the control socket in `serve`.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::{Zeroize, Zeroizing};

use super::wire::{Reply, Request};
use super::{ControlError, MAX_REQUEST_BYTES, own_uid};
use crate::connection::ConnectionKey;
use crate::management::{Actor, AppDocument, AppView, InputFault, Management, Refusal};
use crate::shutdown::{Stop, Stopping};

/// Command lines at one time; more wait.
const MAX_CLIENTS: usize = 32;
/// A client that does not take its reply must keep neither its place nor the process from stopping.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// The control socket, bound. Its file goes with it.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
    uid: u32,
}

impl Listener {
    /// Binds the socket, 0600, in place of one that a process which is gone has left. Must be called within a tokio
    /// runtime.
    pub fn bind(path: &Path) -> Result<Self, ControlError> {
        let name = || path.display().to_string();
        let io = |error| ControlError::Io(name(), error);
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => return Err(ControlError::NotASocket(name())),
            Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => return Err(ControlError::InUse(name())),
            _ => {}
        }
        // Made under another name, so that nobody can connect before its permissions are set.
        let mut unready = path.as_os_str().to_owned();
        unready.push(".new");
        let unready = PathBuf::from(unready);
        match fs::remove_file(&unready) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&unready).map_err(io)?;
        fs::set_permissions(&unready, fs::Permissions::from_mode(0o600)).map_err(io)?;
        fs::rename(&unready, path).map_err(io)?;
        Ok(Self { listener, path: path.to_owned(), uid: own_uid().map_err(io)? })
    }

    async fn accept(&self) -> Option<UnixStream> {
        let accepted = self.listener.accept().await.and_then(|(stream, _)| Ok((stream.peer_cred()?.uid(), stream)));
        match accepted {
            Ok((uid, stream)) if uid == self.uid || uid == 0 => Some(stream),
            Ok((uid, _)) => {
                tracing::warn!(uid, "refused a control connection of another user");
                None
            }
            Err(error) => {
                tracing::warn!(%error, "a control connection failed");
                // A process without free descriptors would spin here.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                None
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "the control socket's file was not removed; the next start replaces it");
        }
    }
}

/// Answers on the control socket until the process stops, for which a client may ask by `stop`; then lets the requests
/// that are under way end.
pub async fn serve(listener: Listener, management: Arc<Management>, stop: Stop, stopping: Stopping) {
    let mut clients = JoinSet::new();
    let mut until = stopping.clone();
    loop {
        tokio::select! {
            () = until.asked() => break,
            Some(_) = clients.join_next() => {}
            stream = listener.accept(), if clients.len() < MAX_CLIENTS => {
                if let Some(stream) = stream {
                    clients.spawn(attend(stream, Arc::clone(&management), stop.clone(), stopping.clone()));
                }
            }
        }
    }
    drop(listener);
    while clients.join_next().await.is_some() {}
}

/// Answers one client until it goes away.
async fn attend(stream: UnixStream, management: Arc<Management>, stop: Stop, mut stopping: Stopping) {
    let mut stream = BufReader::new(stream);
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_REQUEST_BYTES));
    let limit = u64::try_from(MAX_REQUEST_BYTES).expect("it is some 64 KiB");
    loop {
        line.zeroize();
        let mut bounded = (&mut stream).take(limit);
        let read = tokio::select! {
            () = stopping.asked() => return,
            read = bounded.read_until(b'\n', &mut line) => read,
        };
        match read {
            Ok(1..) if line.ends_with(b"\n") => {}
            // Gone, or in the middle of a line that is too long to be a request.
            _ => return,
        }
        // The parser's own words may quote what it met.
        let request = serde_json::from_slice::<Request>(&line).ok();
        let drain = matches!(request, Some(Request::Drain));
        let reply = answer(&management, request).await;
        let written = matches!(timeout(WRITE_TIMEOUT, stream.get_mut().write_all(&reply)).await, Ok(Ok(())));
        if drain {
            stop.ask();
            tokio::spawn(hold(stream));
            return;
        }
        if !written {
            return;
        }
    }
}

/// Keeps the connection until its client goes, or the runtime ends because everything has.
async fn hold(mut stream: BufReader<UnixStream>) {
    let _ = stream.read_u8().await;
}

async fn answer(management: &Arc<Management>, request: Option<Request>) -> Vec<u8> {
    let Some(request) = request else {
        let fault = InputFault::new("the request", "is not understood; is the command line another version?");
        return reply::<()>(Err(Refusal::Input(vec![fault])));
    };
    match request {
        Request::Link { connection, link } => {
            reply(async { management.operated().mint_link(&connection.key()?, &link).await }.await)
        }
        Request::BeginDevice { connection, device } => {
            reply(async { management.begin_device(&connection.key()?, &device).await }.await)
        }
        Request::PollDevice(id) => reply(management.operated().poll_device(id).await),
        Request::Events { after, limit } => reply(management.events(after.as_deref(), limit).await),
        Request::PutApp { connection, app } => {
            reply(async { put_app(management, &connection.key()?, &app).await }.await)
        }
        Request::App(name) => reply(async { management.app(&name.key()?).await }.await),
        Request::RemoveApp(name) => reply(async { remove_app(management, &name.key()?).await }.await),
        Request::Drain => reply(Ok(())),
        Request::Import(document) => reply(management.operated().import_document(&document).await),
        Request::List { tenant, cursor, limit } => {
            reply(management.list(tenant.as_deref(), cursor.as_deref(), limit).await)
        }
        Request::Show(name) => reply(async { management.show(&name.key()?).await }.await),
        Request::Check(name) => reply(async { management.operated().check(&name.key()?).await }.await),
        Request::Examine(name) => reply(async { management.examine(&name.key()?).await }.await),
        Request::Refresh(name) => reply(async { management.operated().refresh(&name.key()?).await }.await),
        Request::KeyUsage { cursor, limit } => reply(management.key_usage(cursor.as_deref(), limit).await),
        Request::Reseal { cursor, limit } => reply(management.reseal(cursor.as_deref(), limit).await),
        Request::Remove { connection, otherwise } => {
            reply(async { management.operated().remove(&connection.key()?, otherwise).await }.await)
        }
    }
}

async fn put_app(management: &Arc<Management>, key: &ConnectionKey, app: &AppDocument) -> Result<AppView, Refusal> {
    let put = management.put_app(key, app).await;
    management.record(&Actor::Operator, "app.put", key, &put).await;
    if put.is_ok() {
        // Nobody need wait for what it mends.
        let (management, key) = (Arc::clone(management), key.clone());
        tokio::spawn(async move { management.try_new_app(&key).await });
    }
    put
}

async fn remove_app(management: &Management, key: &ConnectionKey) -> Result<(), Refusal> {
    let removed = management.remove_app(key).await;
    management.record(&Actor::Operator, "app.removed", key, &removed).await;
    removed
}

fn reply<T: Serialize>(result: Result<T, Refusal>) -> Vec<u8> {
    let reply = match result {
        Ok(done) => Reply::Done(done),
        Err(refusal) => Reply::Refused(refusal),
    };
    let mut line = serde_json::to_vec(&reply).expect("replies are texts, numbers and lists");
    line.push(b'\n');
    line
}
