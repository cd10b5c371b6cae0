//! The proxy's listeners and workers: one thread each, with its own single-threaded runtime, its own listener on the
//! shared port, and its own outbound connections.

mod calls;
mod either;
mod http;
mod rewound;
mod tls;

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio_util::task::TaskTracker;

pub use tls::{Tls, TlsFault};

use crate::proxy::{Listen, Proxy};
use crate::shutdown::Stopping;

/// Connections that the kernel holds until a worker takes them.
const BACKLOG: i32 = 1024;
/// How often workers look for outbound connections that have been idle for too long.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// After a failed accept, most likely for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// A bound listener of one worker.
pub enum Listener {
    /// On a loopback port.
    Tcp(TcpListener),
    /// On a Unix socket.
    Unix(UnixListener),
}

/// Binds a listener for each worker. A port of 0 becomes the same free port for all.
pub fn bind(listen: &Listen, workers: usize) -> io::Result<Vec<Listener>> {
    match listen {
        Listen::Tcp(address) => {
            // Only workers share a port: two processes that both believed to have it would be a riddle.
            let shared = workers > 1;
            let first = bind_tcp(*address, shared)?;
            let address = first.local_addr()?;
            let others = (1..workers).map(|_| bind_tcp(address, shared));
            std::iter::once(Ok(first)).chain(others).map(|listener| Ok(Listener::Tcp(listener?))).collect()
        }
        Listen::Unix(path) => {
            let first = bind_unix(path, 0o666)?;
            (0..workers).map(|_| Ok(Listener::Unix(first.try_clone()?))).collect()
        }
    }
}

fn bind_tcp(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Binds a Unix socket with these permissions. A socket file that nobody listens on any more is replaced; any other
/// file is left alone.
pub fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is not a socket is in the way"));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens on it"));
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Listener {
    /// The port, for a TCP listener.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}

/// Starts a worker. Its thread ends when it has been asked to stop and its calls have drained, or the proxy's
/// `drain_timeout` is over; it then tells whether all calls had ended. With `tls`, its port takes TLS beside plain HTTP.
pub fn start_worker(
    proxy: Arc<Proxy>,
    listener: Listener,
    tls: Option<Arc<Tls>>,
    stopping: Stopping,
) -> io::Result<JoinHandle<bool>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("proxy-{}", proxy.worker)).spawn(move || {
        let drained = runtime.block_on(work(proxy, listener, tls, stopping));
        runtime.shutdown_background();
        match drained {
            Ok(drained) => drained,
            Err(error) => {
                tracing::error!(%error, "a worker cannot listen");
                false
            }
        }
    })
}

async fn work(
    proxy: Arc<Proxy>,
    listener: Listener,
    tls: Option<Arc<Tls>>,
    mut stopping: Stopping,
) -> io::Result<bool> {
    let connections = TaskTracker::new();
    tokio::spawn(sweep(Arc::clone(&proxy)));
    match listener {
        Listener::Tcp(listener) => {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stopping.asked() => break,
                };
                match accepted {
                    Ok((stream, _)) => {
                        // Without it only small answers get slower, so the call goes on.
                        let _ = stream.set_nodelay(true);
                        let (proxy, stopping) = (Arc::clone(&proxy), stopping.clone());
                        match &tls {
                            None => connections.spawn(http::serve(stream, false, proxy, stopping)),
                            Some(tls) => {
                                connections.spawn(either::serve_either(stream, Arc::clone(tls), proxy, stopping))
                            }
                        };
                    }
                    Err(error) => pause(&error).await,
                }
            }
        }
        Listener::Unix(listener) => {
            let listener = tokio::net::UnixListener::from_std(listener)?;
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stopping.asked() => break,
                };
                match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(http::serve(stream, false, Arc::clone(&proxy), stopping.clone()));
                    }
                    Err(error) => pause(&error).await,
                }
            }
        }
    }
    connections.close();
    Ok(tokio::time::timeout(proxy.settings.drain_timeout, connections.wait()).await.is_ok())
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "a caller's connection was not accepted");
    tokio::time::sleep(ACCEPT_AGAIN).await;
}

async fn sweep(proxy: Arc<Proxy>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        proxy.transport.sweep(proxy.worker, Instant::now());
    }
}
