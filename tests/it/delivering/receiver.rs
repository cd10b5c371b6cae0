//! A receiver of webhooks: keeps what it is told, or refuses it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::world::eventually;

/// What was told.
#[derive(Clone)]
pub struct Told {
    pub id: String,
    pub body: Value,
    /// As it came, for whoever verifies the signature.
    pub raw: Bytes,
    pub headers: HeaderMap,
}

#[derive(Default)]
struct Kept {
    told: Mutex<Vec<Told>>,
    refuses: AtomicBool,
    refused: AtomicUsize,
}

pub struct Receiver {
    address: SocketAddr,
    kept: Arc<Kept>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Kept::default());
        let receiver = Self { address, kept: Arc::clone(&kept) };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let kept = Arc::clone(&kept);
                let service = service_fn(move |request| answer(Arc::clone(&kept), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?from=orgpass", self.address)
    }

    /// Whether it refuses from now on.
    pub fn refuse(&self, refuses: bool) {
        self.kept.refuses.store(refuses, Ordering::SeqCst);
    }

    /// How often it has refused.
    pub fn refused(&self) -> usize {
        self.kept.refused.load(Ordering::SeqCst)
    }

    /// Everything that it was told and took.
    pub fn told(&self) -> Vec<Told> {
        self.kept.told.lock().unwrap().clone()
    }

    /// Waits until it was told so many different events.
    pub async fn until_told(&self, count: usize) {
        eventually("events are told", async || {
            let ids: std::collections::BTreeSet<_> = self.told().into_iter().map(|told| told.id).collect();
            ids.len() >= count
        })
        .await;
    }
}

async fn answer(kept: Arc<Kept>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let raw = body.collect().await.unwrap().to_bytes();
    let mut response = Response::new(Full::default());
    if kept.refuses.load(Ordering::SeqCst) {
        kept.refused.fetch_add(1, Ordering::SeqCst);
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return Ok(response);
    }
    assert_eq!(head.uri, "/hook?from=orgpass");
    let id = head.headers["webhook-id"].to_str().unwrap().to_owned();
    let body = serde_json::from_slice(&raw).unwrap();
    kept.told.lock().unwrap().push(Told { id, body, raw, headers: head.headers });
    Ok(response)
}
