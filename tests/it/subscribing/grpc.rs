//! A caller of gRPC: one connection, any number of calls.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use salesforce_sim::eventbus::{Message, SERVICE};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::encrypting::Authority;
use crate::world::Seen;

/// A connection to the proxy.
#[derive(Clone)]
pub struct Client {
    connection: SendRequest<Requests>,
    wire: AbortHandle,
    authority: String,
    metadata: Vec<(String, String)>,
    seen: Seen,
}

/// How a call ended, if not well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: u32,
    pub message: String,
    /// The proxy's own code.
    pub error: Option<String>,
}

/// A call in which messages go and come.
pub struct Stream {
    requests: Option<mpsc::Sender<Bytes>>,
    pub head: HeaderMap,
    body: Incoming,
    received: BytesMut,
    seen: Seen,
}

/// The messages of a caller.
pub struct Requests(mpsc::Receiver<Bytes>);

impl Body for Requests {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Client {
    /// In the clear, with prior knowledge.
    pub async fn in_the_clear(address: SocketAddr, seen: &Seen) -> Self {
        Self::on(TcpStream::connect(address).await.unwrap(), address, seen).await
    }

    /// Over TLS, offering HTTP/2 only, as callers of gRPC do.
    pub async fn over_tls(address: SocketAddr, authority: &Authority, seen: &Seen) -> Self {
        let stream = authority.connect(address, "localhost", &["h2"]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Self::on(stream, address, seen).await
    }

    async fn on<S>(mut stream: S, address: SocketAddr, seen: &Seen) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // A wire of its own, which can be cut: the connection itself lives as long as one of its calls.
        let (near, mut far) = tokio::io::duplex(16 * 1024);
        let wire = tokio::spawn(async move { copy_bidirectional(&mut far, &mut stream).await }).abort_handle();
        // So that what one call has not read keeps no other waiting here.
        let mut client = http2::Builder::new(TokioExecutor::new());
        client.initial_stream_window_size(64 * 1024).initial_connection_window_size((1 << 31) - 1);
        let (connection, driver) = client.handshake(TokioIo::new(near)).await.unwrap();
        tokio::spawn(driver);
        Self { connection, wire, authority: address.to_string(), metadata: Vec::new(), seen: seen.clone() }
    }

    /// Ends the connection in the middle of whatever it carries.
    pub fn hang_up(self) {
        self.wire.abort();
    }

    pub fn has_ended(&self) -> bool {
        self.connection.is_closed()
    }

    /// The same connection with more metadata.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut with = self.clone();
        with.metadata.push((name.to_owned(), value.to_owned()));
        with
    }

    pub fn tenant(&self, tenant: &str) -> Self {
        self.with("orgpass-tenant", tenant)
    }

    /// A call of one message.
    pub async fn call<M: Message + Default>(&self, method: &str, request: &impl Message) -> Result<M, Failure> {
        let mut stream = self.open(method, request).await?;
        stream.requests = None;
        let message = stream.next().await?;
        assert_eq!(stream.end().await, Ok(()));
        Ok(message)
    }

    /// A call of many, of which one is sent at once.
    pub async fn open(&self, method: &str, first: &impl Message) -> Result<Stream, Failure> {
        let (requests, body) = mpsc::channel(8);
        requests.send(framed(first)).await.unwrap();
        let request = self.request("POST", &format!("/{SERVICE}/{method}"), "application/grpc");
        let (head, body) = self.send(request.body(Requests(body)).unwrap()).await.into_parts();
        assert_eq!(head.status, 200);
        let requests = Some(requests);
        let stream = Stream { requests, head: head.headers, body, received: BytesMut::new(), seen: self.seen.clone() };
        if stream.head.contains_key("grpc-status") { Err(Failure::of(&stream.head).unwrap_err()) } else { Ok(stream) }
    }

    pub fn request(&self, method: &str, path: &str, content_type: &str) -> http::request::Builder {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.authority))
            .header("content-type", content_type)
            .header("te", "trailers");
        self.metadata.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    pub async fn send(&self, request: Request<Requests>) -> Response<Incoming> {
        let mut connection = self.connection.clone();
        connection.ready().await.unwrap();
        let answer = connection.send_request(request).await.unwrap();
        self.seen.add_headers(answer.headers());
        answer
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("head", &self.head).finish_non_exhaustive()
    }
}

impl Stream {
    pub async fn send(&self, message: &impl Message) {
        self.requests.as_ref().unwrap().send(framed(message)).await.unwrap();
    }

    /// The next message.
    pub async fn next<M: Message + Default>(&mut self) -> Result<M, Failure> {
        match self.message().await? {
            Some(message) => Ok(M::decode(message).unwrap()),
            None => panic!("the call ended well instead"),
        }
    }

    /// Sends no more, and waits for the end of the call.
    pub async fn end(mut self) -> Result<(), Failure> {
        self.requests = None;
        match self.message().await? {
            Some(_) => panic!("a message instead of the end"),
            None => Ok(()),
        }
    }

    /// A message; `None` after the last if all went well.
    async fn message(&mut self) -> Result<Option<Bytes>, Failure> {
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
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap();
                        self.seen.add_headers(&trailers);
                        return Failure::of(&trailers).map(|()| None);
                    }
                },
                other => panic!("no trailers: {other:?}"),
            }
        }
    }
}

impl Failure {
    fn of(trailers: &HeaderMap) -> Result<(), Self> {
        let text = |name: &str| trailers.get(name).map(|value| value.to_str().unwrap().to_owned());
        match text("grpc-status").unwrap().parse().unwrap() {
            0 => Ok(()),
            code => Err(Self { code, message: text("grpc-message").unwrap_or_default(), error: text("orgpass-error") }),
        }
    }

    /// The code, and the proxy's own.
    pub fn short(&self) -> (u32, Option<&str>) {
        (self.code, self.error.as_deref())
    }
}

impl Requests {
    /// No message at all.
    pub fn none() -> Self {
        Self(mpsc::channel(1).1)
    }
}

fn framed(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap();
    [&[0], length.to_be_bytes().as_slice(), &message].concat().into()
}
