//! A caller: an HTTP/1.1 client of the proxy that sends exactly what a test says.

mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::world::Seen;

/// Far more than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Sends calls to one proxy. What comes back is kept for the search for secrets.
#[derive(Clone)]
pub struct Caller {
    address: Address,
    seen: Seen,
}

#[derive(Clone)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A connection to either kind of listener.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A call being put together.
pub struct Call {
    caller: Caller,
    request: Request<BoxBody<Bytes, Failure>>,
}

/// A connection of a caller that sends one call after the other on it.
pub struct KeptConnection(http1::SendRequest<BoxBody<Bytes, Failure>>);

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Caller {
    pub fn new(address: SocketAddr, seen: Seen) -> Self {
        Self { address: Address::Tcp(address), seen }
    }

    /// A caller over a Unix socket.
    pub fn on_socket(path: PathBuf, seen: Seen) -> Self {
        Self { address: Address::Unix(path), seen }
    }

    async fn dial(&self) -> std::io::Result<Box<dyn Stream>> {
        Ok(match &self.address {
            Address::Tcp(address) => Box::new(tokio::net::TcpStream::connect(address).await?),
            Address::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
        })
    }

    /// Sends these very bytes on a connection of its own and gives every answer that comes until the proxy ends it, so
    /// ask for `Connection: close` where nothing else ends it.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> Vec<Reply> {
        let mut stream = self.dial().await.unwrap();
        // A proxy that has refused already may take no more.
        let _ = stream.write_all(bytes.as_ref()).await;
        let mut received = Vec::new();
        let reading = async {
            let mut part = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut part).await {
                received.extend_from_slice(&part[..read]);
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the proxy ends the connection");
        self.seen.add(&received);
        wire::replies(&received)
    }

    /// A call without any tag, to the proxy's own host name.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let mut request = Request::new(Full::default().map_err(|never| match never {}).boxed());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        let host = match &self.address {
            Address::Tcp(address) => address.to_string(),
            Address::Unix(_) => "localhost".to_owned(),
        };
        let host = HeaderValue::from_str(&host).unwrap();
        request.headers_mut().insert("host", host);
        Call { caller: self.clone(), request }
    }

    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A connection that is kept for one call after the other.
    pub async fn connect(&self) -> KeptConnection {
        let stream = self.dial().await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        KeptConnection(sender)
    }

    pub fn post(&self, path: &str, body: impl Into<Bytes>) -> Call {
        self.call(Method::POST, path).body(Full::new(body.into()).map_err(|never| match never {}).boxed())
    }
}

impl Call {
    /// Tags the call with a tenant.
    pub fn tenant(self, tenant: &str) -> Self {
        self.header("orgpass-tenant", tenant)
    }

    /// Tags the call with a user.
    pub fn user(self, user: &str) -> Self {
        self.header("orgpass-user", user)
    }

    /// Adds a header, beside others of the same name.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.request.headers_mut().append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        self
    }

    /// Replaces a header.
    pub fn set_header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// Sends this body.
    pub fn body(mut self, body: BoxBody<Bytes, Failure>) -> Self {
        *self.request.body_mut() = body;
        self
    }

    /// Sends the call on a connection of its own and waits for the head of the answer.
    pub async fn start(self) -> Result<http::Response<Incoming>, Failure> {
        let mut connection = self.caller.connect().await;
        self.start_on(&mut connection).await
    }

    async fn start_on(self, connection: &mut KeptConnection) -> Result<http::Response<Incoming>, Failure> {
        connection.0.ready().await?;
        let response = connection.0.send_request(self.request).await?;
        self.caller.seen.add_headers(response.headers());
        Ok(response)
    }

    /// Sends the call and reads the whole answer.
    pub async fn send(self) -> Reply {
        self.try_send().await.unwrap()
    }

    /// As [`Call::send`], where the answer may break off.
    pub async fn try_send(self) -> Result<Reply, Failure> {
        let seen = self.caller.seen.clone();
        read(self.start().await?, &seen).await
    }

    /// As [`Call::send`], on a kept connection.
    pub async fn send_on(self, connection: &mut KeptConnection) -> Reply {
        let seen = self.caller.seen.clone();
        let response = self.start_on(connection).await.unwrap();
        read(response, &seen).await.unwrap()
    }
}

async fn read(response: http::Response<Incoming>, seen: &Seen) -> Result<Reply, Failure> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    seen.add(&body);
    Ok(Reply { status: head.status, headers: head.headers, body })
}

/// Sends so many calls at once, each on a connection of its own, and waits for all answers.
pub async fn crowd(size: usize, call: impl Fn() -> Call) -> Vec<Reply> {
    let mut calls: tokio::task::JoinSet<Reply> = (0..size).map(|_| call().send()).collect();
    let mut replies = Vec::with_capacity(size);
    while let Some(reply) = calls.join_next().await {
        replies.push(reply.unwrap());
    }
    replies
}

/// How many replies there are of each status, for one assertion about all of them.
pub fn statuses(replies: &[Reply]) -> Vec<(u16, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for reply in replies {
        *counts.entry(reply.status.as_u16()).or_default() += 1;
    }
    counts.into_iter().collect()
}

impl Reply {
    /// Whether the page has this text.
    pub fn shows(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// Where a redirect leads.
    pub fn location(&self) -> Option<&str> {
        self.header("location")
    }

    /// A header's value as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The proxy's own error code, if the proxy refused.
    pub fn error(&self) -> Option<&str> {
        self.header("orgpass-error")
    }
}
