//! The org that every proxy stands in front of: nginx with a certificate of
//! our own authority.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::machine::Tools;
use crate::process::Process;

/// The request that is measured.
pub(crate) const PATH: &str = "/services/data/v67.0/limits";
/// Its answer.
pub(crate) const LIMITS: &str = include_str!("../config/limits.json");

/// The upstream and what a proxy must know to reach it.
pub(crate) struct Upstream {
    pub(crate) port: u16,
    /// The authority that signed its certificate, as PEM.
    pub(crate) ca: PathBuf,
    _process: Process,
}

/// Starts nginx in `dir` with a new certificate for `localhost` and `127.0.0.1`.
pub(crate) fn start(tools: &Tools, dir: &Path) -> Result<Upstream> {
    let mut params = CertificateParams::default();
    // A name unlike the server's, or OpenSSL takes that one for self-signed.
    params.distinguished_name.push(DnType::CommonName, "Comparison authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;

    let ca = dir.join("ca.pem");
    std::fs::write(&ca, authority.pem())?;
    std::fs::write(dir.join("upstream.pem"), certificate.pem())?;
    std::fs::write(dir.join("upstream.key"), key.serialize_pem())?;

    let port = free_port()?;
    let config = include_str!("../config/upstream.conf")
        .replace("{{UPSTREAM}}", &port.to_string())
        .replace("{{LIMITS}}", LIMITS);
    std::fs::write(dir.join("upstream.conf"), config)?;
    let process = Process::start(&tools.nginx, nginx_args(dir, "upstream.conf"), dir)?;
    Ok(Upstream { port, ca, _process: process })
}

/// Arguments for an nginx that keeps all its files in `dir`.
pub(crate) fn nginx_args(dir: &Path, config: &str) -> [String; 6] {
    let prefix = dir.display().to_string();
    ["-e", "stderr", "-p", &prefix, "-c", config].map(str::to_owned)
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
