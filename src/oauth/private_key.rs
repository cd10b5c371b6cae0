//! The private key of an app, which signs its assertions: RSA as PEM, in a file that is read anew at each use, or held.

use std::path::{Path, PathBuf};
use std::{fs, io};

use data_encoding::HEXLOWER;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::secret::Secret;

/// A key of 4096 bits has about 3,300 bytes; the rest is room for the certificate beside it.
const MAX_KEY_BYTES: u64 = 64 * 1024;

/// Where an app's private key is.
#[derive(Clone, Debug)]
pub enum AppKey {
    /// In a file.
    File(PathBuf),
    /// Here, as PEM.
    Held(Secret<String>),
}

/// Why a private key cannot be used. Contains nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum PrivateKeyError {
    /// The file cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(String, io::Error),
    /// It holds no key that signs assertions.
    #[error(
        "{0} must hold an RSA private key of 2048 to 4096 bits in PEM, without a passphrase, as \
         openssl genrsa 2048 writes it"
    )]
    Form(String),
}

impl AppKey {
    /// The file, if it is in one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Held(_) => None,
        }
    }

    /// Reads the key: PKCS#8 or PKCS#1.
    pub fn read(&self) -> Result<SigningKey, PrivateKeyError> {
        let path = match self {
            Self::File(path) => path,
            Self::Held(pem) => {
                return SigningKey::parse(pem.expose().as_bytes())
                    .ok_or_else(|| PrivateKeyError::Form("it".to_owned()));
            }
        };
        let name = || path.display().to_string();
        let read = |error| PrivateKeyError::Read(name(), error);
        if fs::metadata(path).map_err(read)?.len() > MAX_KEY_BYTES {
            return Err(PrivateKeyError::Form(name()));
        }
        let pem = Zeroizing::new(fs::read(path).map_err(read)?);
        SigningKey::parse(&pem).ok_or_else(|| PrivateKeyError::Form(name()))
    }
}

/// A key that signs. Held for one exchange only: what the library keeps of it is not wiped.
pub struct SigningKey(RsaKeyPair);

impl SigningKey {
    fn parse(pem: &[u8]) -> Option<Self> {
        let mut der = PrivateKeyDer::from_pem_slice(pem).ok()?;
        let key = match &der {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok(),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).ok(),
            _ => None,
        };
        der.zeroize();
        key.map(Self)
    }

    /// Names the key, to be compared with the certificate that the app has at Salesforce: the SHA-256 of the public key
    /// (RSAPublicKey in DER), the first half in hex.
    pub fn id(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.0.public_key().as_ref())[..16])
    }

    /// The RS256 signature of a text, if the system gives random bytes.
    pub(super) fn sign(&self, text: &str) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
        Some(signature)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use salesforce_sim::AppKey as SimKey;

    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, AppKey) {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("app.pem");
        fs::write(&path, text).unwrap();
        (folder, AppKey::File(path))
    }

    #[test]
    fn a_key_is_read_in_both_forms_and_signs_the_same() {
        let signed = [SimKey::first().private_key, SimKey::FIRST_AS_PKCS1].map(|pem| {
            let (_folder, file) = file(pem);
            file.read().unwrap().sign("text").unwrap()
        });
        assert_eq!(signed[0], signed[1]);
        assert_eq!(signed[0].len(), 256);
    }

    #[test]
    fn a_key_has_the_same_name_in_both_forms_and_it_is_the_one_that_openssl_tells() {
        let ids = [SimKey::first().private_key, SimKey::FIRST_AS_PKCS1].map(|pem| {
            let (_folder, file) = file(pem);
            file.read().unwrap().id()
        });
        assert_eq!(ids[0], ids[1]);
        // openssl rsa -in app.pem -RSAPublicKey_out -outform DER | sha256sum
        assert_eq!(ids[0], "f05339b507d086a372f8f18461ec01d9");
    }

    #[test]
    fn what_is_no_usable_key_is_refused_without_being_repeated() {
        let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let cut = &SimKey::first().private_key[..600];
        for text in ["", "a secret", cut, &elliptic, &SimKey::first().certificate, &"x".repeat(70_000)] {
            let (_folder, file) = file(text);
            let error = file.read().unwrap_err().to_string();
            assert!(error.contains("app.pem must hold an RSA private key") && error.len() < 300, "{error}");
        }
    }

    #[test]
    fn a_key_never_prints_itself() {
        let (_folder, file) = file(SimKey::first().private_key);
        assert_eq!(format!("{:?}", file.read().unwrap()), "[redacted]");
    }
}
