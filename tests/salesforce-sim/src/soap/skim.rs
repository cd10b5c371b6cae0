//! Reads the body of a SOAP request in bounded memory: what lies between two angle brackets is dropped once it is very
//! long (the archive of a deployment), and so is everything after a bound that no request has.

use std::io::{self, Write};

use flate2::write::GzDecoder;

use crate::upload::{Upload, UploadError};

/// The most that is kept of one text.
const TEXT: usize = 8 << 20;
/// The most that is kept in all.
const KEPT: usize = 24 << 20;

#[derive(Default)]
pub(super) struct Skimmed {
    /// The document, without what was dropped of long texts.
    pub(super) document: Vec<u8>,
    /// Whether something of a text was dropped.
    pub(super) is_elided: bool,
    /// Whether it was longer than what is kept.
    pub(super) is_cut: bool,
    /// How long the text is that is being read.
    text: usize,
}

/// Reads to the end, unpacking what was sent with `Content-Encoding: gzip`.
pub(super) async fn read(mut upload: Upload, gzipped: bool) -> Result<Skimmed, UploadError> {
    if !gzipped {
        let mut skimmed = Skimmed::default();
        while let Some(chunk) = upload.chunk().await? {
            skimmed.take_in(&chunk);
        }
        return Ok(skimmed);
    }
    let mut unpacked = GzDecoder::new(Skimmed::default());
    while let Some(chunk) = upload.chunk().await? {
        unpacked.write_all(&chunk).map_err(|_| UploadError::Broken)?;
    }
    unpacked.finish().map_err(|_| UploadError::Broken)
}

impl Skimmed {
    fn take_in(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_cut {
            let bracket = bytes.iter().position(|byte| matches!(byte, b'<' | b'>'));
            let (text, rest) = bytes.split_at(bracket.unwrap_or(bytes.len()));
            let kept = text.len().min(TEXT.saturating_sub(self.text));
            self.is_elided |= kept < text.len();
            self.text += text.len();
            self.keep(&text[..kept]);
            bytes = rest;
            if bracket.is_some() {
                self.keep(&bytes[..1]);
                self.text = 0;
                bytes = &bytes[1..];
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.document.len() + bytes.len() > KEPT {
            self.is_cut = true;
        } else {
            self.document.extend_from_slice(bytes);
        }
    }
}

impl Write for Skimmed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take_in(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skimmed(parts: &[&[u8]]) -> Skimmed {
        let mut skimmed = Skimmed::default();
        parts.iter().for_each(|part| skimmed.take_in(part));
        skimmed
    }

    #[test]
    fn a_long_text_is_shortened_and_what_follows_is_kept() {
        let long = vec![b'x'; TEXT];
        let short = skimmed(&[b"<a><b>", &long, b"</b>", b"<c>y</c></a>"]);
        assert!(!short.is_elided);
        let shortened = skimmed(&[b"<a><b>", &long, b"xx</b>", b"<c>y</c></a>"]);
        assert!(shortened.is_elided && !shortened.is_cut);
        assert_eq!(shortened.document, short.document);
        assert!(shortened.document.ends_with(b"xx</b><c>y</c></a>"));
    }

    #[test]
    fn a_document_beyond_all_bounds_is_cut() {
        let many = b"<a/>".repeat(1 << 20);
        let parts: Vec<&[u8]> = (0..8).map(|_| many.as_slice()).collect();
        let cut = skimmed(&parts);
        assert!(cut.is_cut && cut.document.len() <= KEPT);
    }
}
