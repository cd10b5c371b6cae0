//! A gRPC client, one connection a call unless it is told otherwise.

use std::sync::Arc;

use grpc_caller::{Call, Connection, End};
use http::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use salesforce_sim::Simulator;
use salesforce_sim::eventbus::{Message, SERVICE};
use tokio::net::TcpStream;
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
pub(super) type Stream = Call<Failure>;

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
        self.open(method, request).await?.only().await
    }

    /// A call of many, of which one is sent at once.
    pub(super) async fn open(&self, method: &str, first: &impl Message) -> Result<Stream, Failure> {
        self.open_on(&mut self.connection().await, method, first).await
    }

    pub(super) async fn connection(&self) -> Connection {
        let stream = tls(&self.sim, &["h2"]).await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// As [`Client::open`], on a connection that is there.
    pub(super) async fn open_on(
        &self,
        connection: &mut Connection,
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
        Stream::begin(connection, request, first, |_| ()).await
    }
}

impl From<End> for Failure {
    fn from(end: End) -> Self {
        let End::Told(trailers) = end else { return Self::broken() };
        let text = |name: &str| trailers.get(name).map_or("", |value| value.to_str().unwrap());
        assert!(text("grpc-message").ends_with(&format!(" rpcId: {}", text("rpcid"))));
        assert_eq!(text("rpcid").len(), 36);
        Self { code: Some(text("grpc-status").parse().unwrap()), error_code: text("error-code").to_owned() }
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
