//! A caller of gRPC: one connection, any number of calls.

use std::net::SocketAddr;

use grpc_caller::{Call, Connection, End, Requests};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use salesforce_sim::eventbus::{Message, SERVICE};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::encrypting::Authority;
use crate::world::Seen;

/// A connection to the proxy.
#[derive(Clone)]
pub struct Client {
    connection: Connection,
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
pub type Stream = Call<Failure>;

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
        self.open(method, request).await?.only().await
    }

    /// A call of many, of which one is sent at once.
    pub async fn open(&self, method: &str, first: &impl Message) -> Result<Stream, Failure> {
        let request = self.request("POST", &format!("/{SERVICE}/{method}"), "application/grpc");
        let (mut connection, seen) = (self.connection.clone(), self.seen.clone());
        connection.ready().await.unwrap();
        let stream = Stream::begin(&mut connection, request, first, move |headers| seen.add_headers(headers)).await?;
        if stream.head.contains_key("grpc-status") { Err(End::Told(stream.head).into()) } else { Ok(stream) }
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

impl From<End> for Failure {
    fn from(end: End) -> Self {
        let End::Told(trailers) = end else { panic!("the call broke off") };
        let text = |name: &str| trailers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let code = text("grpc-status").unwrap().parse().unwrap();
        Self { code, message: text("grpc-message").unwrap_or_default(), error: text("orgpass-error") }
    }
}

impl Failure {
    /// The code, and the proxy's own.
    pub fn short(&self) -> (u32, Option<&str>) {
        (self.code, self.error.as_deref())
    }
}
