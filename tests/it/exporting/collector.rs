//! A collector: takes OTLP over HTTP, in the clear or by TLS, or does not; keeps the spans that it took.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::encrypting::Authority;
use crate::world::{Seen, World, eventually};

/// A span as it came, with its ids as headers write them.
#[derive(Clone, Debug)]
pub struct Span {
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub kind: SpanKind,
    pub name: String,
    pub began: u64,
    pub ended: u64,
    pub failed: bool,
    /// Trace and span of each link.
    pub links: Vec<(String, String)>,
    /// The `service.name` of the process.
    pub service: String,
    attributes: Vec<KeyValue>,
}

#[derive(Default)]
struct Kept {
    spans: Mutex<Vec<Span>>,
    resources: Mutex<Vec<Vec<KeyValue>>>,
    headers: Mutex<Vec<HeaderMap>>,
    bodies: Seen,
    connections: AtomicUsize,
    /// How many exports have come, whatever was answered.
    came: AtomicUsize,
    /// What is answered in place of taking an export, one after the other.
    answers: Mutex<VecDeque<Response<Full<Bytes>>>>,
}

pub struct Collector {
    address: SocketAddr,
    scheme: &'static str,
    holds: watch::Sender<bool>,
    kept: Arc<Kept>,
}

impl Collector {
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// One that speaks TLS only, as `localhost`.
    pub async fn start_tls(authority: &Authority) -> Self {
        let certificates = CertificateDer::pem_file_iter(authority.file("localhost.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(authority.file("localhost.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates.map(Result::unwrap).collect(), key)
            .unwrap();
        Self::start_with(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (kept, (holds, held)) = (Arc::new(Kept::default()), watch::channel(false));
        let collector = Self { address, scheme, holds, kept: Arc::clone(&kept) };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                kept.connections.fetch_add(1, Ordering::SeqCst);
                let (kept, held, tls) = (Arc::clone(&kept), held.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, kept, held).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, kept, held).await;
                            }
                        }
                    }
                });
            }
        });
        collector
    }

    /// The section that exports to it, with more lines.
    pub fn section(&self, more: &str) -> String {
        format!("[traces]\nendpoint = \"{}://localhost:{}\"\n{more}\n", self.scheme, self.address.port())
    }

    /// Refuses one export.
    pub fn refuse(&self, status: u16) {
        self.answer(Response::builder().status(status).body(Full::default()).unwrap());
    }

    /// Refuses one export until so many seconds have passed.
    pub fn refuse_for(&self, seconds: u64) {
        let refusal = Response::builder().status(503).header("retry-after", seconds);
        self.answer(refusal.body(Full::default()).unwrap());
    }

    /// Takes one export, but for so many spans.
    pub fn take_all_but(&self, rejected_spans: i64) {
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: String::new() };
        let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        self.answer(Response::new(Full::new(body.into())));
    }

    /// The answer to the export after those that have an answer already. Nothing is kept of it.
    fn answer(&self, answer: Response<Full<Bytes>>) {
        self.kept.answers.lock().unwrap().push_back(answer);
    }

    /// Whether it lets exports wait for their answers from now on.
    pub fn hold(&self, holds: bool) {
        self.holds.send_replace(holds);
    }

    /// How many exports have come.
    pub fn came(&self) -> usize {
        self.kept.came.load(Ordering::SeqCst)
    }

    /// How many connections it was dialled by.
    pub fn connections(&self) -> usize {
        self.kept.connections.load(Ordering::SeqCst)
    }

    /// The headers of each export that it took.
    pub fn headers(&self) -> Vec<HeaderMap> {
        self.kept.headers.lock().unwrap().clone()
    }

    /// What a resource's attribute says, in each export that it took.
    pub fn resource(&self, name: &str) -> Vec<String> {
        let resources = self.kept.resources.lock().unwrap();
        resources.iter().map(|attributes| text(attributes, name).unwrap()).collect()
    }

    pub fn spans(&self) -> Vec<Span> {
        self.kept.spans.lock().unwrap().clone()
    }

    /// The spans of one trace in the order in which they began, once there are so many.
    pub async fn trace(&self, id: &str, count: usize) -> Vec<Span> {
        let of = || self.spans().into_iter().filter(|span| span.trace == id).collect::<Vec<_>>();
        eventually("the spans are exported", async || of().len() >= count).await;
        let mut spans = of();
        spans.sort_by_key(|span| span.began);
        assert_eq!(spans.len(), count, "{spans:#?}");
        spans
    }

    /// Everything that came, for the search for secrets and for what else must not be there.
    pub fn search(&self, world: &World, for_none_of: &[&str]) {
        let bodies = self.kept.bodies.text();
        assert!(!bodies.is_empty());
        world.seen.add(bodies.as_bytes());
        for words in for_none_of {
            assert!(!bodies.contains(words), "{words} was exported");
        }
    }
}

impl Span {
    /// What an attribute says, as text.
    pub fn says(&self, name: &str) -> Option<String> {
        text(&self.attributes, name)
    }

    /// The `traceparent` of requests that belong to it.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.id)
    }
}

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let mut values = attributes.iter().filter(|attribute| attribute.key == name).map(|attribute| &attribute.value);
    let value = values.next()?.clone().unwrap().value.unwrap();
    assert!(values.next().is_none(), "{name} is there twice");
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => panic!("{name}: {other:?}"),
    })
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    kept: Arc<Kept>,
    held: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| answer(Arc::clone(&kept), held.clone(), request));
    // Whoever exports may go away at any time.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    kept: Arc<Kept>,
    mut held: watch::Receiver<bool>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/v1/traces"));
    assert_eq!(head.headers["content-type"], "application/x-protobuf");
    kept.bodies.add(&body);
    kept.came.fetch_add(1, Ordering::SeqCst);
    let _ = held.wait_for(|holds| !holds).await;
    if let Some(answer) = kept.answers.lock().unwrap().pop_front() {
        return Ok(answer);
    }
    let export = ExportTraceServiceRequest::decode(body).unwrap();
    for resource_spans in export.resource_spans {
        let resource = resource_spans.resource.unwrap().attributes;
        let service = text(&resource, "service.name").unwrap();
        kept.resources.lock().unwrap().push(resource);
        for scope_spans in resource_spans.scope_spans {
            assert_eq!(scope_spans.scope.unwrap().name, "orgpass");
            kept.spans.lock().unwrap().extend(scope_spans.spans.into_iter().map(|span| read(span, &service)));
        }
    }
    kept.headers.lock().unwrap().push(head.headers);
    Ok(Response::new(Full::new(ExportTraceServiceResponse::default().encode_to_vec().into())))
}

fn read(span: opentelemetry_proto::tonic::trace::v1::Span, service: &str) -> Span {
    assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
    assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    Span {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind: span.kind.try_into().unwrap(),
        name: span.name,
        began: span.start_time_unix_nano,
        ended: span.end_time_unix_nano,
        failed: span.status.is_some_and(|status| status.code == SpanStatus::Error as i32),
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        service: service.to_owned(),
        attributes: span.attributes,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
