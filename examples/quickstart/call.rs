//! One HTTP call that can be shown, typed and made: what is printed as a `curl` line is what the check sends.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

/// Far beyond any answer on loopback: a call that hangs is an error, not a wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// A call to a host on this machine.
pub(crate) struct Call {
    to: SocketAddr,
    method: Method,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn get(to: SocketAddr, target: &str) -> Self {
        Self { to, method: Method::GET, target: target.to_owned(), headers: Vec::new(), body: None }
    }

    pub(crate) fn post(to: SocketAddr, target: &str, body: String) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(to, target) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The path and query.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// The call as a line for a shell. None of the parts has a single quote.
    pub(crate) fn curl(&self) -> String {
        let mut line = format!("curl -i 'http://{}{}'", self.to, self.target);
        for (name, value) in &self.headers {
            line.push_str(&format!(" -H '{name}: {value}'"));
        }
        if let Some(body) = &self.body {
            line.push_str(&format!(" -X {} -d '{body}'", self.method));
        }
        line
    }

    /// The head of the request, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.target), format!("host: {}", self.to)];
        lines.extend(self.headers.iter().map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase())));
        lines
    }

    pub(crate) async fn send(&self) -> anyhow::Result<Reply> {
        let sent = tokio::time::timeout(PATIENCE, self.exchange()).await;
        sent.context("no answer came in time")?.with_context(|| format!("{} {}", self.method, self.target))
    }

    async fn exchange(&self) -> anyhow::Result<Reply> {
        let stream = tokio::net::TcpStream::connect(self.to).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(&self.method).uri(&self.target).header("host", self.to.to_string());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = Full::new(Bytes::from(self.body.clone().unwrap_or_default()));
        let (head, body) = sender.send_request(request.body(body)?).await?.into_parts();
        Ok(Reply { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
    }
}
