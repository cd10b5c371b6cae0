//! Whom TLS trusts: the public roots, and those of a file. The file is read again when a connection is made, so that a
//! new authority needs no restart; as long as it holds no certificates, those before are trusted.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::TransportError;

/// Bundles of every public root have a quarter of this.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// How often the file is read, at most.
const READ_EVERY: Duration = Duration::from_secs(1);

/// How to shake hands with the hosts that are called.
pub(super) struct Trust {
    file: Option<PathBuf>,
    held: Mutex<Held>,
}

struct Held {
    pem: Vec<u8>,
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
}

impl Trust {
    /// Reads the file, if there is one.
    pub(super) fn load(file: Option<PathBuf>) -> Result<Self, TransportError> {
        let pem = file.as_ref().map(read).transpose()?.unwrap_or_default();
        let hands = Hands::trusting(&pem, file.is_some())?;
        Ok(Self { file, held: Mutex::new(Held { pem, read: Instant::now(), hands, is_outdated: false }) })
    }

    /// For a host that is spoken to by HTTP/1.1.
    pub(super) fn http1(&self) -> Arc<ClientConfig> {
        self.hands().http1
    }

    /// For a host that is spoken to by HTTP/2.
    pub(super) fn http2(&self) -> Arc<ClientConfig> {
        self.hands().http2
    }

    fn hands(&self) -> Hands {
        // What is held is whole at every moment.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = self.file.as_ref().filter(|_| held.read.elapsed() >= READ_EVERY) {
            held.read = Instant::now();
            match read(file).and_then(|pem| held.renew(pem)) {
                Ok(()) => held.is_outdated = false,
                Err(fault) => {
                    if !std::mem::replace(&mut held.is_outdated, true) {
                        tracing::warn!(%fault, "the roots that were read before are trusted");
                    }
                }
            }
        }
        held.hands.clone()
    }
}

impl Held {
    fn renew(&mut self, pem: Vec<u8>) -> Result<(), TransportError> {
        if pem != self.pem {
            self.hands = Hands::trusting(&pem, true)?;
            self.pem = pem;
            tracing::info!("salesforce.ca_file was read again");
        }
        Ok(())
    }
}

impl Hands {
    fn trusting(pem: &[u8], is_file: bool) -> Result<Self, TransportError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let public = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| TransportError::CaFile(error.to_string()))?;
            roots.add(certificate).map_err(|error| TransportError::CaFile(error.to_string()))?;
        }
        if is_file && roots.len() == public {
            return Err(TransportError::CaFile("it holds none".to_owned()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut http1 = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the ring provider has the default protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http2 = http1.clone();
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        http2.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { http1: Arc::new(http1), http2: Arc::new(http2) })
    }
}

fn read(file: &PathBuf) -> Result<Vec<u8>, TransportError> {
    let unreadable = |error: io::Error| TransportError::Unreadable(file.display().to_string(), error);
    let mut pem = Vec::new();
    File::open(file).map_err(unreadable)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut pem).map_err(unreadable)?;
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
        let trust = Trust::load(Some(file.clone())).unwrap();
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

        assert!(matches!(Trust::load(Some(file.clone())), Err(TransportError::Unreadable(..))));
        std::fs::write(&file, "").unwrap();
        assert!(matches!(Trust::load(Some(file)), Err(TransportError::CaFile(_))));
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
