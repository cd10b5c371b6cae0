//! Key pairs of apps, for tests: a private key to sign assertions with, and the certificate to register it by. RSA keys
//! take seconds to make, so there are two fixed ones, which anybody can read.

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

/// A private key and its certificate, both as PEM.
#[derive(Clone, Debug)]
pub struct AppKey {
    /// The private key, PKCS#8.
    pub private_key: &'static str,
    /// The certificate to upload to an app: `AppOptions::certificate`.
    pub certificate: String,
}

impl AppKey {
    /// The first private key as PKCS#1, as older tools write it.
    pub const FIRST_AS_PKCS1: &str = include_str!("../keys/app-pkcs1.pem");

    /// The first key; [`AppKey::FIRST_AS_PKCS1`] is the same.
    ///
    /// # Panics
    /// Never: the key is fixed.
    #[must_use]
    pub fn first() -> Self {
        Self::of(include_str!("../keys/app.pem"))
    }

    /// Another key.
    ///
    /// # Panics
    /// Never: the key is fixed.
    #[must_use]
    pub fn other() -> Self {
        Self::of(include_str!("../keys/other.pem"))
    }

    fn of(private_key: &'static str) -> Self {
        let certificate = certify(private_key).expect("the key is fixed and valid");
        Self { private_key, certificate }
    }
}

fn certify(private_key: &str) -> Result<String, Box<dyn std::error::Error>> {
    let der = PrivateKeyDer::from_pem_slice(private_key.as_bytes())?;
    let key = KeyPair::from_der_and_sign_algo(&der, &PKCS_RSA_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "An app of the simulator");
    Ok(params.self_signed(&key)?.pem())
}
