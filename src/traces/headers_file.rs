//! Headers that go with every export, such as a key for the collector: secrets in a file, one `Name: value` a line, read
//! anew for each export so that a changed file needs no restart.

use std::fs;
use std::path::Path;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::secret::Secret;

const MAX_FILE_BYTES: u64 = 16 * 1024;
/// What the export itself says.
const NOT_HERE: [HeaderName; 4] = [HOST, CONTENT_TYPE, CONTENT_LENGTH, TRANSFER_ENCODING];

/// Why a file of headers cannot be used. Never contains any of its text.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadersFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It is too long.
    #[error("is longer than 16 KiB")]
    TooLong,
    /// A line is no header.
    #[error("line {0} is not a header; one a line is meant, as: Authorization: Bearer KEY")]
    Line(usize),
    /// A line names a header that the export sets.
    #[error("line {0} names a header that is set with every export")]
    Taken(usize),
}

/// Reads the headers. Their values are marked as sensitive, so that they are never printed.
pub(super) fn read(path: &Path) -> Result<HeaderMap, HeadersFileError> {
    if fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(HeadersFileError::TooLong);
    }
    let text = Secret::new(fs::read_to_string(path)?);
    let mut headers = HeaderMap::new();
    for (number, line) in (1..).zip(text.expose().lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once(':').ok_or(HeadersFileError::Line(number))?;
        let name: HeaderName = name.trim().parse().map_err(|_| HeadersFileError::Line(number))?;
        let mut value = HeaderValue::from_str(value.trim()).map_err(|_| HeadersFileError::Line(number))?;
        if NOT_HERE.contains(&name) {
            return Err(HeadersFileError::Taken(number));
        }
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_header_whose_value_is_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headers");
        let headers = |text: &str| {
            fs::write(&file, text).unwrap();
            read(&file)
        };
        let read = headers("# the vendor's key\nAuthorization: Bearer k:e=y\n\nX-Scope-OrgID: acme\n").unwrap();
        assert_eq!(read["authorization"], "Bearer k:e=y");
        assert_eq!(read["x-scope-orgid"], "acme");
        assert!(!format!("{read:?}").contains("k:e=y"));
        assert!(headers("").unwrap().is_empty());
        for (bad, says) in [
            ("S3CRET", "line 1"),
            ("a: b\nS3 CRET: x", "line 2"),
            ("a: S3\u{7}CRET", "line 1"),
            ("Content-Type: S3CRET", "set with every export"),
            (&"x".repeat(20_000), "longer"),
        ] {
            let error = headers(bad).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("S3"), "{error}");
        }
    }
}
