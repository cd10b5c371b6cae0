//! A certificate authority made for one run, and the certificate it issues to the simulator; and what clients have to show.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// The host names and addresses that the certificate is good for. Nothing resolves the last: it is for those who reach the
/// simulator by a proxy that does.
const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "*.salesforce.test"];

/// One certificate, for web and Pub/Sub API.
pub(crate) struct Acceptors {
    pub(crate) web: TlsAcceptor,
    /// Speaks HTTP/2.
    pub(crate) pubsub: TlsAcceptor,
    /// The authority's certificate as PEM.
    pub(crate) ca_pem: String,
}

pub(crate) fn acceptors() -> Acceptors {
    made().expect("a certificate with fixed, valid contents can be made")
}

fn made() -> Result<Acceptors, Box<dyn std::error::Error>> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Salesforce simulator root");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?;

    let key = KeyPair::generate()?;
    let leaf =
        CertificateParams::new(NAMES.map(str::to_owned))?.signed_by(&key, &Issuer::new(authority, authority_key))?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    let speaking = |protocol: &[u8]| {
        let mut config = config.clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        TlsAcceptor::from(Arc::new(config))
    };
    Ok(Acceptors { web: speaking(b"http/1.1"), pubsub: speaking(b"h2"), ca_pem: root.pem() })
}

/// The same, for clients only that show a certificate of this authority.
///
/// # Panics
/// When the text holds no certificates.
pub(crate) fn demanding(acceptor: &TlsAcceptor, authority: &str) -> TlsAcceptor {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(certificate.expect("PEM")).expect("a root");
    }
    let config = acceptor.config();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let mut demanding = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_client_cert_verifier(verifier.build().expect("at least one root"))
        .with_cert_resolver(Arc::clone(&config.cert_resolver));
    demanding.alpn_protocols.clone_from(&config.alpn_protocols);
    TlsAcceptor::from(Arc::new(demanding))
}
