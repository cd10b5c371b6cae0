//! An app's consumer secret: in a file, or sealed into the store and held here.

use std::path::Path;

use crate::secret::{Secret, SecretFile, SecretFileError};

/// Where an app's consumer secret is.
#[derive(Clone, Debug)]
pub enum ClientSecret {
    /// In a file.
    File(SecretFile),
    /// Here.
    Held(Secret<String>),
}

impl ClientSecret {
    /// The file, if it is in one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file.path()),
            Self::Held(_) => None,
        }
    }

    /// Reads the secret.
    pub fn read(&self) -> Result<Secret<String>, SecretFileError> {
        match self {
            Self::File(file) => file.read(),
            Self::Held(secret) => Ok(secret.clone()),
        }
    }
}
