//! `Secret<T>`: the one type that carries a credential. It is wiped when its last owner drops it, prints as
//! `[redacted]`, and can be read only through [`Secret::expose`], so that a search for `expose(` is the audit.

mod file;

use std::fmt;
use std::sync::Arc;

pub use file::{SecretFile, SecretFileError};
use zeroize::{Zeroize, Zeroizing};

/// A credential in memory. Clones share one allocation; there is no `Display`, `Serialize` or `Deref`.
pub struct Secret<T: Zeroize>(Arc<Zeroizing<T>>);

impl<T: Zeroize> Secret<T> {
    /// Takes ownership of a credential.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Zeroizing::new(value)))
    }

    /// The credential itself. The caller must not let it reach a log, a metric, an error or a disk.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl From<String> for Secret<String> {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new("00Dxx!AQtoken".to_owned());
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(format!("{:?}", Some(secret.clone())), "Some([redacted])");
        assert_eq!(secret.expose(), "00Dxx!AQtoken");
    }
}
