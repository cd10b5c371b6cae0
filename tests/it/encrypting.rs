//! TLS beside plain HTTP on the proxy's port, with what `orgpass ca new` makes.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use orgpass::cli::{Exit, Surroundings};
use orgpass::config::Config;
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use salesforce_sim::{Effect, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::{World, eventually};

const LIMITS: &str = "/services/data/v67.0/limits";
/// Far more than anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with what `orgpass ca new` makes.
pub struct Authority(tempfile::TempDir);

impl Authority {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        Self(dir)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The lines of `[proxy]` that make use of it.
    pub fn settings(&self) -> String {
        let (certificate, key) = (self.file("localhost.pem"), self.file("localhost.key"));
        format!(
            "[proxy]\ntls_certificate_file = \"{}\"\ntls_private_key_file = \"{}\"\n",
            certificate.display(),
            key.display()
        )
    }

    /// A client that trusts this authority and nobody else, and offers these protocols.
    pub fn client(&self, protocols: &[&str]) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.file("local-ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    /// A connection to the proxy that speaks TLS, under this name.
    pub async fn connect(&self, to: SocketAddr, name: &str, protocols: &[&str]) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(to).await?;
        self.client(protocols).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
    }

    /// The status of one call over TLS.
    async fn call(&self, to: SocketAddr, name: &str) -> io::Result<StatusCode> {
        let stream = self.connect(to, name, &["http/1.1"]).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        let request = Request::get(LIMITS).header("host", to.to_string()).header("orgpass-tenant", "acme");
        let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        let status = answer.status();
        answer.into_body().collect().await.unwrap();
        Ok(status)
    }
}

fn make(dir: &Path) {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let around = Surroundings {
        env: Vec::new(),
        input: &mut io::empty(),
        output: &mut output,
        errors: &mut errors,
        interactive: false,
    };
    let arguments = ["orgpass", "ca", "new", "--force", "--dir", dir.to_str().unwrap()];
    assert_eq!(orgpass::cli::run(arguments.map(Into::into), around), Exit::Success);
}

async fn world(authority: &Authority) -> (World, SocketAddr) {
    let world = World::configured(&authority.settings()).await;
    world.connect("acme", None).await;
    let address = world.orgpass().proxy_address().unwrap();
    (world, address)
}

/// Everything that the proxy says until it ends the connection.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A connection that is reset has ended as well.
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await;
    assert!(ended.is_ok(), "the proxy did not end the connection");
    said
}

/// The first bytes of a handshake as a real client writes them.
async fn hello() -> Vec<u8> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = tokio::spawn(async move { Authority::new().connect(address, "localhost", &[]).await.is_err() });
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = vec![0; 5];
    stream.read_exact(&mut bytes).await.unwrap();
    let mut record = vec![0; usize::from(u16::from_be_bytes([bytes[3], bytes[4]]))];
    stream.read_exact(&mut record).await.unwrap();
    drop(stream);
    assert!(client.await.unwrap());
    bytes.extend(record);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn one_port_takes_tls_and_plain_http() {
    let authority = Authority::new();
    let (world, address) = world(&authority).await;
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert_eq!(authority.call(address, name).await.unwrap(), 200, "{name}");
        assert_eq!(world.caller().get(LIMITS).tenant("acme").send().await.status, 200);
    }
    let stranger = authority.call(address, "acme.my.salesforce.com").await.unwrap_err();
    assert!(stranger.to_string().contains("not valid for name"), "{stranger}");
    let (another, _) = (Authority::new(), ());
    assert!(another.call(address, "localhost").await.is_err(), "another authority does not vouch for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_offers_both_protocols_stays_on_the_first() {
    let authority = Authority::new();
    let (_world, address) = world(&authority).await;
    for (offers, gets) in [(&["h2", "http/1.1"][..], Some("http/1.1")), (&["http/1.1"], Some("http/1.1")), (&[], None)]
    {
        let stream = authority.connect(address, "localhost", offers).await.unwrap();
        let agreed = stream.get_ref().1.alpn_protocol();
        assert_eq!(agreed, gets.map(str::as_bytes), "{offers:?}");
    }
    assert!(authority.connect(address, "localhost", &["spdy/3"]).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_a_hello_is_ended_at_once() {
    let world = World::start().await;
    let address = world.orgpass().proxy_address().unwrap();
    let error = Authority::new().call(address, "localhost").await.unwrap_err();
    assert!(error.kind() == io::ErrorKind::InvalidData || error.kind() == io::ErrorKind::UnexpectedEof, "{error}");
    let mut stream = TcpStream::connect(address).await.unwrap();
    // One byte is enough, and the client waits for an answer.
    stream.write_all(&hello().await[..1]).await.unwrap();
    rest(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_may_come_slowly_but_must_come() {
    let authority = Authority::new();
    let (_world, address) = world(&authority).await;
    let hello = hello().await;

    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.set_nodelay(true).unwrap();
    for byte in &hello {
        slow.write_all(&[*byte]).await.unwrap();
        slow.flush().await.unwrap();
    }
    let mut answer = [0];
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [0x16], "it is answered by a handshake");

    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(&hello[..hello.len() / 2]).await.unwrap();
    half.shutdown().await.unwrap();
    rest(&mut half).await;

    let mut stalled = TcpStream::connect(address).await.unwrap();
    stalled.write_all(&hello[..hello.len() / 2]).await.unwrap();
    rest(&mut stalled).await;

    let mut wrong = TcpStream::connect(address).await.unwrap();
    wrong.write_all(&[0x16, 3, 1, 0, 4, 1, 2, 3, 4]).await.unwrap();
    rest(&mut wrong).await;
    assert_eq!(authority.call(address, "localhost").await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_tls_is_finished_when_the_process_stops_and_a_beginning_is_not() {
    let authority = Arc::new(Authority::new());
    let (mut world, address) = world(&authority).await;
    let held = world.sim.fault(Fault::on_path(LIMITS, Effect::HoldAnswer));
    let client = Arc::clone(&authority);
    let call = tokio::spawn(async move { client.call(address, "localhost").await });
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut begun = TcpStream::connect(address).await.unwrap();
    begun.write_all(&hello().await[..20]).await.unwrap();
    held.wait_held(1).await;

    world.orgpass().begin_stop();
    assert_eq!(rest(&mut silent).await, b"");
    assert_eq!(rest(&mut begun).await, b"");
    held.release();
    assert_eq!(call.await.unwrap().unwrap(), 200);
    assert!(world.stop().await, "nothing was cut short");
    held.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let authority = Authority::new();
    let (_world, address) = world(&authority).await;
    std::fs::write(authority.file("localhost.key"), "no key").unwrap();
    // Files are looked at once a second, so that the broken one has been seen when the next look is due.
    let from = std::time::Instant::now();
    eventually("a look at the files", async || {
        assert_eq!(authority.call(address, "localhost").await.unwrap(), 200, "the one before stays");
        from.elapsed() > Duration::from_millis(1500)
    })
    .await;
    make(authority.0.path());
    eventually("the new certificate is shown", async || authority.call(address, "localhost").await.is_ok()).await;
}

#[test]
fn files_that_do_not_fit_are_faults_of_their_keys() {
    let (one, another) = (Authority::new(), Authority::new());
    let dir = tempfile::tempdir().unwrap();
    for name in ["s", "g"] {
        std::fs::write(dir.path().join(name), orgpass::vault::new_key_line().as_str()).unwrap();
    }
    let faults = |proxy: &str| {
        let text = format!(
            "[proxy]\n{proxy}\n[vault]\nsession_keys_file = \"s\"\ngrant_keys_file = \"g\"\n[apps.default]\nclient_id = \"c\""
        );
        match Config::from_toml(&text, dir.path()) {
            Ok(_) => Vec::new(),
            Err(found) => found.faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect(),
        }
    };
    let set = |key: &str, file: PathBuf| format!("{key} = \"{}\"\n", file.display());
    let certificate = set("tls_certificate_file", one.file("localhost.pem"));
    let key = set("tls_private_key_file", one.file("localhost.key"));
    assert_eq!(faults(&format!("{certificate}{key}")), [""; 0]);
    for (proxy, begins) in [
        (certificate.clone(), "proxy.tls_private_key_file: is missing"),
        (key.clone(), "proxy.tls_certificate_file: is missing"),
        (format!("listen = \"unix:p.sock\"\n{certificate}{key}"), "proxy.tls_certificate_file: is for a port"),
        (
            format!("{certificate}{}", set("tls_private_key_file", another.file("localhost.key"))),
            "proxy.tls_private_key_file: does not fit",
        ),
        (
            format!("{certificate}{}", set("tls_private_key_file", one.file("localhost.pem"))),
            "proxy.tls_private_key_file: must be",
        ),
        (
            format!("{}{key}", set("tls_certificate_file", one.file("localhost.key"))),
            "proxy.tls_certificate_file: must be",
        ),
        (format!("{}{key}", set("tls_certificate_file", one.file("none"))), "proxy.tls_certificate_file: cannot read"),
    ] {
        let found = faults(&proxy);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(begins), "{found:?}");
    }
}
