//! The lower bound: bytes copied between a plain connection and a TLS
//! connection of its own, one thread, nothing read or changed.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Where it listens and where it connects, on loopback.
#[derive(Args)]
pub(crate) struct Settings {
    #[arg(long)]
    listen: u16,
    #[arg(long)]
    upstream: u16,
    #[arg(long)]
    ca: PathBuf,
}

/// Relays until it is killed.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&settings.ca)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", settings.listen)).await?;
    loop {
        let (caller, _) = listener.accept().await?;
        let connector = connector.clone();
        tokio::spawn(async move {
            if let Err(error) = relay(caller, connector, settings.upstream).await {
                eprintln!("{error:#}");
            }
        });
    }
}

async fn relay(mut caller: TcpStream, connector: TlsConnector, port: u16) -> Result<()> {
    caller.set_nodelay(true)?;
    let org = TcpStream::connect(("127.0.0.1", port)).await?;
    org.set_nodelay(true)?;
    let mut org = connector.connect(ServerName::try_from("localhost")?, org).await?;
    copy_bidirectional(&mut caller, &mut org).await?;
    Ok(())
}
