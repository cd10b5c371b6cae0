//! Serves every opened listener until the simulator is dropped.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use crate::doors::{Door, Site};
use crate::pubsub::{self, Ending};
use crate::service::serve;
use crate::state::Shared;
use crate::wire::Wire;

/// After an accept that failed (no file handles, say) another is tried this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What a connection needs to be served.
#[derive(Clone)]
struct Serving {
    shared: Arc<Shared>,
    pubsub_tls: TlsAcceptor,
    stop: watch::Receiver<()>,
}

/// Takes up each opened door. `stop` ends everything when its sender is gone.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut opened: mpsc::UnboundedReceiver<Door>,
    pubsub_tls: TlsAcceptor,
    mut stop: watch::Receiver<()>,
) {
    let serving = Serving { shared, pubsub_tls, stop: stop.clone() };
    loop {
        let door = tokio::select! {
            door = opened.recv() => door,
            _ = stop.changed() => None,
        };
        let Some(door) = door else { return };
        if let Ok(listener) = TcpListener::from_std(door.listener) {
            tokio::spawn(accept(listener, door.site, serving.clone()));
        }
    }
}

async fn accept(listener: TcpListener, site: Site, mut serving: Serving) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = serving.stop.changed() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                if let Site::PubSub { .. } = site {
                    tokio::spawn(pubsub_connection(stream, serving.clone()));
                } else {
                    tokio::spawn(connection(stream, site.clone(), serving.clone()));
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, site: Site, mut serving: Serving) {
    let wire = match serving.shared.tls() {
        None => Wire::plain(stream),
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => Wire::tls(stream),
            Err(_) => return,
        },
    };
    let reset = wire.reset_switch();
    let shared = &serving.shared;
    let service = service_fn(|request| serve(Arc::clone(shared), site.clone(), request, reset.clone()));
    let served = http1::Builder::new().max_headers(200).serve_connection(TokioIo::new(wire), service);
    tokio::select! {
        // A broken connection is the peer's affair or a scripted fault.
        _ = served => {}
        _ = serving.stop.changed() => {}
    }
}

/// A connection of the Pub/Sub API: TLS and HTTP/2, or nothing.
async fn pubsub_connection(stream: TcpStream, mut serving: Serving) {
    let Ok(stream) = serving.pubsub_tls.accept(stream).await else { return };
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return;
    }
    let wire = Wire::tls(stream);
    let ending = Ending { reset: wire.reset_switch(), now: Arc::default() };
    let shared = &serving.shared;
    let service = service_fn(|request| pubsub::serve(Arc::clone(shared), request, ending.clone()));
    let served = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(wire), service);
    tokio::pin!(served);
    let mut drains = shared.held.drains();
    loop {
        tokio::select! {
            // A broken connection is the peer's affair.
            _ = served.as_mut() => return,
            _ = drains.changed() => served.as_mut().graceful_shutdown(),
            () = ending.now.notified() => return,
            _ = serving.stop.changed() => return,
        }
    }
}
