//! Secrets in files, read anew at each use.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::Secret;

/// Consumer secrets have 64 characters, passwords fewer; a larger file is neither.
const MAX_SECRET_BYTES: u64 = 4096;

/// A secret in a file, read anew at each use, so that a changed file needs no restart.
#[derive(Clone, Debug)]
pub struct SecretFile(PathBuf);

/// Why a secret file cannot be used. Never contains any of its text.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(String, io::Error),
    /// It is empty, too large or not text.
    #[error("{0} must hold one line of text of at most {MAX_SECRET_BYTES} bytes")]
    Form(String),
}

impl SecretFile {
    /// A secret in this file.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the secret, without the line's end.
    pub fn read(&self) -> Result<Secret<String>, SecretFileError> {
        let name = || self.0.display().to_string();
        let size = fs::metadata(&self.0).map_err(|error| SecretFileError::Read(name(), error))?.len();
        if size > MAX_SECRET_BYTES {
            return Err(SecretFileError::Form(name()));
        }
        let bytes = zeroize::Zeroizing::new(fs::read(&self.0).map_err(|error| SecretFileError::Read(name(), error))?);
        let text = std::str::from_utf8(&bytes).map_err(|_| SecretFileError::Form(name()))?.trim_end();
        if text.is_empty() || text.contains(['\n', '\r']) {
            return Err(SecretFileError::Form(name()));
        }
        Ok(Secret::new(text.to_owned()))
    }
}
