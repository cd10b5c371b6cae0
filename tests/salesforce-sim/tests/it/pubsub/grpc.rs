//! A gRPC client, one connection a call unless it is told otherwise.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use salesforce_sim::Simulator;
use salesforce_sim::eventbus::{Message, SERVICE};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::client::TlsStream;

use crate::World;

/// What names the caller, and where it calls.
#[derive(Clone)]
pub(super) struct Client {
    sim: Simulator,
    pub(super) metadata: Vec<(&'static str, String)>,
}

/// How a call ended, if not well. Without a code it was broken off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: Option<u32>,
    pub(super) error_code: String,
}

/// A call in which messages go and come.
pub(super) struct Stream {
    requests: mpsc::Sender<Bytes>,
    answer: Answer,
}

struct Answer {
    head: HeaderMap,
    body: Incoming,
    received: BytesMut,
}

/// The messages of a caller.
pub(super) struct Requests(mpsc::Receiver<Bytes>);

impl Body for Requests {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Client {
    pub(super) fn of(world: &World) -> Self {
        Self::with(world, &world.tokens.access_token)
    }

    pub(super) fn with(world: &World, access_token: &str) -> Self {
        let metadata = vec![
            ("accesstoken", access_token.to_owned()),
            ("instanceurl", world.org.instance_url()),
            ("tenantid", world.org.org_id().to_owned()),
        ];
        Self { sim: world.sim.clone(), metadata }
    }

    /// A call of one message.
    pub(super) async fn call<M: Message + Default>(&self, method: &str, request: &impl Message) -> Result<M, Failure> {
        let mut stream = self.open(method, request).await?;
        let message = stream.next().await?;
        assert_eq!(stream.end().await, Ok(()));
        Ok(message)
    }

    /// A call of many, of which one is sent at once.
    pub(super) async fn open(&self, method: &str, first: &impl Message) -> Result<Stream, Failure> {
        self.open_on(&mut self.connection().await, method, first).await
    }

    pub(super) async fn connection(&self) -> http2::SendRequest<Requests> {
        let stream = tls(&self.sim, &["h2"]).await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// As [`Client::open`], on a connection that is there.
    pub(super) async fn open_on(
        &self,
        connection: &mut http2::SendRequest<Requests>,
        method: &str,
        first: &impl Message,
    ) -> Result<Stream, Failure> {
        let mut request = Request::builder()
            .method("POST")
            .uri(format!("https://{}/{SERVICE}/{method}", self.sim.pubsub_addr()))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in &self.metadata {
            request = request.header(*name, value);
        }
        let (requests, body) = mpsc::channel(8);
        requests.send(framed(first)).await.unwrap();
        let answered = connection.send_request(request.body(Requests(body)).unwrap()).await;
        let (head, body) = answered.map_err(|_| Failure::broken())?.into_parts();
        assert_eq!(head.status, 200);
        Ok(Stream { requests, answer: Answer { head: head.headers, body, received: BytesMut::new() } })
    }
}

impl Stream {
    pub(super) async fn send(&self, message: &impl Message) {
        self.requests.send(framed(message)).await.unwrap();
    }

    /// The next message.
    pub(super) async fn next<M: Message + Default>(&mut self) -> Result<M, Failure> {
        match self.answer.next().await? {
            Some(message) => Ok(M::decode(message).unwrap()),
            None => panic!("the call ended well instead"),
        }
    }

    /// Sends no more, and waits for the end of the call.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        drop(self.requests);
        match self.answer.next().await? {
            Some(_) => panic!("a message instead of the end"),
            None => Ok(()),
        }
    }
}

impl Answer {
    /// A message; `None` after the last if all went well.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.head.contains_key("grpc-status") {
            return Failure::of(&self.head);
        }
        loop {
            if let Some((prefix, rest)) = self.received.split_first_chunk::<5>() {
                let length = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
                if rest.len() >= length {
                    self.received.advance(5);
                    return Ok(Some(self.received.split_to(length).freeze()));
                }
            }
            match self.body.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.received.extend_from_slice(&data),
                    Err(frame) => return Failure::of(&frame.into_trailers().unwrap()),
                },
                Some(Err(_)) => return Err(Failure::broken()),
                None => panic!("no trailers"),
            }
        }
    }
}

impl Failure {
    pub(super) fn new(code: u32, error_code: &str) -> Self {
        Self { code: Some(code), error_code: format!("sfdc.platform.eventbus.grpc.{error_code}") }
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(16, "service.auth.error")
    }

    pub(super) fn broken() -> Self {
        Self { code: None, error_code: String::new() }
    }

    fn of(trailers: &HeaderMap) -> Result<Option<Bytes>, Self> {
        let text = |name: &str| trailers.get(name).map_or("", |value| value.to_str().unwrap());
        let code: u32 = text("grpc-status").parse().unwrap();
        if code == 0 {
            return Ok(None);
        }
        assert!(text("grpc-message").ends_with(&format!(" rpcId: {}", text("rpcid"))));
        assert_eq!(text("rpcid").len(), 36);
        Err(Self { code: Some(code), error_code: text("error-code").to_owned() })
    }
}

fn framed(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap();
    [&[0], length.to_be_bytes().as_slice(), &message].concat().into()
}

/// A connection to the Pub/Sub API that offers these protocols.
pub(super) async fn tls(sim: &Simulator, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(sim.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(sim.pubsub_addr()).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}
