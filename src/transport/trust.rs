//! Whom TLS trusts, and what it shows: the public roots and those of a file, and to hosts of Salesforce that ask for one a
//! certificate. The files are read again when a connection is made, so that new ones need no restart; as long as they
//! cannot be used, what was read before is.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{ClientCert, TransportError};
use crate::secret::Secret;

/// Bundles of every public root have a quarter of this.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// How often the files are read, at most.
const READ_EVERY: Duration = Duration::from_secs(1);

/// How to shake hands with the hosts that are called.
pub(super) struct Trust {
    files: Files,
    held: Mutex<Held>,
}

struct Files {
    ca: Option<PathBuf>,
    client: Option<ClientCert>,
}

/// What stands in the files.
struct Contents {
    ca: Option<Vec<u8>>,
    /// A certificate and its key.
    client: Option<(Vec<u8>, Secret<Vec<u8>>)>,
}

struct Held {
    contents: Contents,
    read: Instant,
    hands: Hands,
    /// There is something newer that cannot be used; said once.
    is_outdated: bool,
}

/// One set of roots, for each protocol; clones share the sessions that can be resumed.
#[derive(Clone)]
struct Hands {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    /// With the certificate, by HTTP/1.1.
    certified: Arc<ClientConfig>,
}

impl Trust {
    /// Reads the files, if there are some.
    pub(super) fn load(ca: Option<PathBuf>, client: Option<ClientCert>) -> Result<Self, TransportError> {
        let files = Files { ca, client };
        let contents = files.read()?;
        let hands = Hands::of(&contents)?;
        Ok(Self { files, held: Mutex::new(Held { contents, read: Instant::now(), hands, is_outdated: false }) })
    }

    /// For a host that is spoken to by HTTP/1.1.
    pub(super) fn http1(&self) -> Arc<ClientConfig> {
        self.hands().http1
    }

    /// For a host that is spoken to by HTTP/2.
    pub(super) fn http2(&self) -> Arc<ClientConfig> {
        self.hands().http2
    }

    /// For a host that is spoken to by HTTP/1.1 and may ask for the certificate.
    pub(super) fn certified(&self) -> Arc<ClientConfig> {
        self.hands().certified
    }

    fn hands(&self) -> Hands {
        // What is held is whole at every moment.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.files.are_none() && held.read.elapsed() >= READ_EVERY {
            held.read = Instant::now();
            match self.files.read().and_then(|contents| held.renew(contents)) {
                Ok(()) => held.is_outdated = false,
                Err(fault) => {
                    if !std::mem::replace(&mut held.is_outdated, true) {
                        tracing::warn!(%fault, "the roots and the certificate that were read before stay in use");
                    }
                }
            }
        }
        held.hands.clone()
    }
}

impl Files {
    fn are_none(&self) -> bool {
        self.ca.is_none() && self.client.is_none()
    }

    fn read(&self) -> Result<Contents, TransportError> {
        let ca = self.ca.as_deref().map(read).transpose()?;
        let client = match &self.client {
            Some(client) => Some((read(&client.cert_file)?, Secret::new(read(&client.key_file)?))),
            None => None,
        };
        Ok(Contents { ca, client })
    }
}

impl Contents {
    fn is_same(&self, other: &Self) -> bool {
        self.ca == other.ca && self.shown() == other.shown()
    }

    fn shown(&self) -> Option<(&[u8], &[u8])> {
        self.client.as_ref().map(|(cert, key)| (cert.as_slice(), key.expose().as_slice()))
    }
}

impl Held {
    fn renew(&mut self, contents: Contents) -> Result<(), TransportError> {
        if !contents.is_same(&self.contents) {
            self.hands = Hands::of(&contents)?;
            self.contents = contents;
            tracing::info!("the roots or the certificate for Salesforce have changed and were read again");
        }
        Ok(())
    }
}

impl Hands {
    fn of(contents: &Contents) -> Result<Self, TransportError> {
        let roots = roots(contents.ca.as_deref())?;
        let trusting = || {
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("the ring provider has the default protocol versions")
                .with_root_certificates(roots.clone())
        };
        let mut http1 = trusting().with_no_client_auth();
        let mut http2 = http1.clone();
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        http2.alpn_protocols = vec![b"h2".to_vec()];
        let http1 = Arc::new(http1);
        let certified = match &contents.client {
            None => Arc::clone(&http1),
            Some((cert, key)) => {
                let (chain, key) = certificate(cert, key)?;
                // Apart, so that a session begun with the certificate is resumed with it only.
                let mut certified = trusting()
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| TransportError::ClientCert(error.to_string()))?;
                certified.alpn_protocols.clone_from(&http1.alpn_protocols);
                Arc::new(certified)
            }
        };
        Ok(Self { http1, http2: Arc::new(http2), certified })
    }
}

/// The public roots and those of the file.
fn roots(file: Option<&[u8]>) -> Result<Arc<RootCertStore>, TransportError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let public = roots.len();
    for certificate in CertificateDer::pem_slice_iter(file.unwrap_or_default()) {
        let certificate = certificate.map_err(|error| TransportError::CaFile(error.to_string()))?;
        roots.add(certificate).map_err(|error| TransportError::CaFile(error.to_string()))?;
    }
    if file.is_some() && roots.len() == public {
        return Err(TransportError::CaFile("it holds none".to_owned()));
    }
    Ok(Arc::new(roots))
}

/// A certificate with those between it and a root, and its key. Errors show nothing of the files.
fn certificate(
    cert: &[u8],
    key: &Secret<Vec<u8>>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TransportError> {
    let wrong = |what: &str| TransportError::ClientCert(what.to_owned());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| wrong("the first holds none"))?;
    let key = PrivateKeyDer::from_pem_slice(key.expose()).map_err(|_| wrong("the second holds none"))?;
    Ok((chain, key))
}

fn read(file: &Path) -> Result<Vec<u8>, TransportError> {
    let unreadable = |error: io::Error| TransportError::Unreadable(file.display().to_string(), error);
    let opened = File::open(file).map_err(unreadable)?;
    // Room for the whole file, so that growing leaves no copy of a key behind.
    let size = opened.metadata().map_err(unreadable)?.len().min(MAX_FILE_BYTES);
    let mut pem = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut pem).map_err(unreadable)?;
    if pem.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(io::Error::other(format!("it is larger than {MAX_FILE_BYTES} bytes"))));
    }
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use salesforce_sim::Simulator;

    use super::*;

    #[test]
    fn a_file_that_changes_is_read_again_and_one_without_certificates_changes_nothing() {
        let authority = || Simulator::start_on_thread(true).ca_pem().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, authority()).unwrap();
        let trust = Trust::load(Some(file.clone()), None).unwrap();
        let first = trust.http1();
        assert!(Arc::ptr_eq(&first, &trust.http1()));

        std::fs::write(&file, "no certificate\n").unwrap();
        until(|| trust.held.lock().unwrap().is_outdated, &trust);
        assert!(Arc::ptr_eq(&first, &trust.http1()));
        std::fs::write(&file, authority()).unwrap();
        until(|| !trust.held.lock().unwrap().is_outdated, &trust);
        assert!(!Arc::ptr_eq(&first, &trust.http1()));
        std::fs::remove_file(&file).unwrap();
        let second = trust.http2();
        until(|| trust.held.lock().unwrap().is_outdated, &trust);
        assert!(Arc::ptr_eq(&second, &trust.http2()));

        assert!(matches!(Trust::load(Some(file.clone()), None), Err(TransportError::Unreadable(..))));
        std::fs::write(&file, "").unwrap();
        assert!(matches!(Trust::load(Some(file), None), Err(TransportError::CaFile(_))));
    }

    /// Makes connections, as it were, until this holds.
    fn until(holds: impl Fn() -> bool, trust: &Trust) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(20));
            trust.hands();
        }
    }
}
