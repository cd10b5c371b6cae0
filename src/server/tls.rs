//! The certificate that the proxy's port shows to callers that speak TLS. Its files are read again when they change, so
//! that a renewed certificate needs no restart; as long as they do not fit together, the one before stays in use.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::proxy::TlsFiles;

/// A chain of certificates has a few kilobytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// How often the files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// HTTP/2 by its name in TLS.
pub(super) const HTTP2: &[u8] = b"h2";
/// What the port speaks once TLS is up, the preferred one first: who offers both wants REST, and stays on the cheaper.
const PROTOCOLS: [&[u8]; 2] = [b"http/1.1", HTTP2];

/// Why the two files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read.
    #[error("cannot read {1}: {2}")]
    Unreadable(&'static str, String, io::Error),
    /// The file of certificates holds none.
    #[error("must be a file of PEM certificates, the proxy's own first; orgpass ca new makes one")]
    Certificate,
    /// The file of the key holds none.
    #[error("must be a file with one private key in PEM")]
    PrivateKey,
    /// Each is good by itself.
    #[error("does not fit proxy.tls_certificate_file: {0}")]
    Pair(rustls::Error),
}

impl TlsFault {
    /// The key of `[proxy]` at fault.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Unreadable(key, ..) => key,
            Self::Certificate => CERTIFICATE,
            Self::PrivateKey | Self::Pair(_) => PRIVATE_KEY,
        }
    }
}

const CERTIFICATE: &str = "tls_certificate_file";
const PRIVATE_KEY: &str = "tls_private_key_file";

/// The proxy's side of TLS.
pub struct Tls {
    files: TlsFiles,
    held: Mutex<Held>,
}

struct Held {
    config: Arc<ServerConfig>,
    stamps: [Option<Stamp>; 2],
    looked: Instant,
}

/// What of a file changes with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp([i64; 4], [u64; 3]);

impl Stamp {
    fn now(path: &Path) -> Option<Self> {
        let of = fs::metadata(path).ok()?;
        let times = [of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec()];
        Some(Self(times, [of.dev(), of.ino(), of.len()]))
    }
}

impl Tls {
    /// Reads the files.
    pub fn load(files: TlsFiles) -> Result<Self, TlsFault> {
        let stamps = stamps(&files);
        let held = Held { config: Arc::new(read(&files)?), stamps, looked: Instant::now() };
        Ok(Self { files, held: Mutex::new(held) })
    }

    /// What to shake hands with now.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        // What is held is whole at every moment.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.looked.elapsed() >= LOOK_EVERY {
            held.looked = Instant::now();
            self.look(&mut held);
        }
        Arc::clone(&held.config)
    }

    fn look(&self, held: &mut Held) {
        let stamps = stamps(&self.files);
        if stamps == held.stamps {
            return;
        }
        held.stamps = stamps;
        match read(&self.files) {
            Ok(config) => {
                held.config = Arc::new(config);
                tracing::info!("the proxy's certificate was read again");
            }
            Err(fault) => {
                tracing::warn!(key = %format_args!("proxy.{}", fault.key()), %fault, "the proxy's certificate stays what it was");
            }
        }
    }
}

fn stamps(files: &TlsFiles) -> [Option<Stamp>; 2] {
    [Stamp::now(&files.certificate), Stamp::now(&files.private_key)]
}

fn read(files: &TlsFiles) -> Result<ServerConfig, TlsFault> {
    let pem = read_file(CERTIFICATE, &files.certificate)?;
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| TlsFault::Certificate)?;
    if chain.is_empty() {
        return Err(TlsFault::Certificate);
    }
    let pem = read_file(PRIVATE_KEY, &files.private_key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsFault::PrivateKey)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the ring provider has the default protocol versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsFault::Pair)?;
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn read_file(key: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsFault> {
    let unreadable = |error| TlsFault::Unreadable(key, path.display().to_string(), error);
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes)
}
