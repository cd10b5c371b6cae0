//! A root of its own for each TLS server.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// A server certificate for 127.0.0.1, written where the server finds it.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The root that signed it, in PEM.
    pub(crate) root_pem: String,
}

impl Certificate {
    pub(crate) fn write(folder: &Path) -> Self {
        const WORKS: &str = "certificates for a loopback address can be made";
        let root_key = KeyPair::generate().expect(WORKS);
        let mut root = CertificateParams::new(Vec::new()).expect(WORKS);
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_pem = root.self_signed(&root_key).expect(WORKS).pem();
        let key = KeyPair::generate().expect(WORKS);
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let server = CertificateParams::new(names).expect(WORKS);
        let server = server.signed_by(&key, &Issuer::new(root, root_key)).expect(WORKS);
        std::fs::write(folder.join("server.pem"), server.pem()).expect("the folder can be written to");
        std::fs::write(folder.join("server.key"), key.serialize_pem()).expect("the folder can be written to");
        Self { root_pem }
    }
}
