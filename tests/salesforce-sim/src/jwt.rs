//! Signed tokens: three parts in base64 without padding, joined by dots. Access tokens are made here, assertions judged.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app_key::AppKey;

/// The name of the simulator's own key.
pub(crate) const KEY_ID: &str = "1";

/// A token signed with RS256, by a key of the simulator's own.
pub(crate) fn signed(header: &Value, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let key = own_key();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .expect("the system gives random bytes");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Whether a token has this form, by its three parts and the algorithm in the first.
pub(crate) fn is_one(token: &str) -> bool {
    Jwt::parse(token).and_then(|token| token.header::<Value>()).is_some_and(|header| header.get("alg").is_some())
}

/// Modulus and exponent of the key that signs here, as big-endian numbers.
pub(crate) fn public_key() -> (Vec<u8>, Vec<u8>) {
    let PublicKeyComponents { n, e } = own_key().public().into();
    (n, e)
}

fn own_key() -> RsaKeyPair {
    let key =
        PrivateKeyDer::from_pem_slice(AppKey::other().private_key.as_bytes()).expect("the key is fixed and valid");
    RsaKeyPair::from_pkcs8(key.secret_der()).expect("the key is fixed and valid")
}

/// A token that has been taken apart and not yet believed.
pub(crate) struct Jwt<'a> {
    text: &'a str,
    header: Vec<u8>,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (text, signature) = token.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self { text, header: decoded(header)?, claims: decoded(claims)?, signature: decoded(signature)? })
    }

    pub(crate) fn header<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.header).ok()
    }

    pub(crate) fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.claims).ok()
    }

    /// Whether the key of this certificate, in PEM, has signed it with RS256.
    pub(crate) fn is_signed_by(&self, certificate: &str) -> bool {
        let Ok(der) = CertificateDer::from_pem_slice(certificate.as_bytes()) else {
            return false;
        };
        let certificate = webpki::EndEntityCert::try_from(&der);
        let rs256 = webpki::ring::RSA_PKCS1_2048_8192_SHA256;
        certificate.is_ok_and(|known| known.verify_signature(rs256, self.text.as_bytes(), &self.signature).is_ok())
    }
}
