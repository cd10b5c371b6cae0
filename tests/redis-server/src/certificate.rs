//! A root of its own for a test's TLS servers, with a certificate for them and one for their clients.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

const WORKS: &str = "certificates for a loopback address can be made";

/// A server certificate for 127.0.0.1 and a client certificate, in PEM.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The root that signed both.
    pub(crate) root_pem: String,
    server: (String, String),
    /// What a client shows, and its key.
    pub(crate) client: (String, String),
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let root_key = KeyPair::generate().expect(WORKS);
        let mut root = CertificateParams::new(Vec::new()).expect(WORKS);
        // Names of their own: a certificate that has its issuer's name is taken for one that signed itself.
        root.distinguished_name.push(DnType::CommonName, "redis-child root");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_pem = root.self_signed(&root_key).expect(WORKS).pem();
        let issuer = Issuer::new(root, root_key);
        let sign = |names: &[&str]| {
            let key = KeyPair::generate().expect(WORKS);
            let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let mut params = CertificateParams::new(names.clone()).expect(WORKS);
            params.distinguished_name.push(DnType::CommonName, names.concat());
            (params.signed_by(&key, &issuer).expect(WORKS).pem(), key.serialize_pem())
        };
        Self { root_pem, server: sign(&["127.0.0.1", "localhost"]), client: sign(&["orgpass"]) }
    }

    /// Writes what a server needs to where it finds it.
    pub(crate) fn write(&self, folder: &Path) {
        let files = [("root.pem", &self.root_pem), ("server.pem", &self.server.0), ("server.key", &self.server.1)];
        for (name, text) in files {
            std::fs::write(folder.join(name), text).expect("the folder can be written to");
        }
    }
}
