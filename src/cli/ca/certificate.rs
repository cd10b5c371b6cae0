//! Reads what people want to know of a certificate (RFC 5280), and no more: nothing is decided by it.

use std::net::IpAddr;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `commonName`, 2.5.4.3, and `subjectAltName`, 2.5.29.17, as object identifiers.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A certificate as people see it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// The common name of whom it is for.
    pub(super) subject: String,
    /// Host names and addresses that it is good for.
    pub(super) names: Vec<String>,
    /// From when until when.
    pub(super) validity: [SystemTime; 2],
    /// SHA-256 of the whole, as other programs print it.
    pub(super) fingerprint: String,
}

impl Certificate {
    /// The first certificate of a PEM file.
    pub(super) fn from_pem(pem: &[u8]) -> Option<Self> {
        Self::from_der(CertificateDer::from_pem_slice(pem).ok()?.as_ref())
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        let bytes = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>();
        // The parts before the dates: version, serial number, algorithm, issuer.
        let mut parts = Elements(Elements(Elements(der).next()?.1).next()?.1).skip(4);
        let (_, dates) = parts.next()?;
        let (_, subject) = parts.next()?;
        let mut dates = Elements(dates).map(|(tag, text)| time(tag, text));
        let extensions = parts.find(|(tag, _)| *tag == 0xa3).and_then(|(_, list)| Elements(list).next());
        Some(Self {
            subject: common_name(subject).unwrap_or_default(),
            names: extensions.map(|(_, list)| alternative_names(list)).unwrap_or_default(),
            validity: [dates.next()??, dates.next()??],
            fingerprint: bytes.join(":"),
        })
    }
}

fn common_name(subject: &[u8]) -> Option<String> {
    let attributes = Elements(subject).flat_map(|(_, set)| Elements(set));
    let mut values = attributes.filter_map(|(_, attribute)| {
        let mut parts = Elements(attribute);
        (parts.next()?.1 == COMMON_NAME).then(|| parts.next())?
    });
    Some(String::from_utf8_lossy(values.next()?.1).into_owned())
}

fn alternative_names(extensions: &[u8]) -> Vec<String> {
    let mut values = Elements(extensions).filter_map(|(_, extension)| {
        let parts = Elements(extension);
        let mut parts = parts.filter(|(tag, _)| *tag != 0x01);
        (parts.next()?.1 == ALTERNATIVE_NAME).then(|| parts.next())?
    });
    let list = values.next().and_then(|(_, value)| Elements(value).next());
    Elements(list.map_or(&[], |(_, list)| list)).filter_map(|(tag, name)| general_name(tag, name)).collect()
}

fn general_name(tag: u8, name: &[u8]) -> Option<String> {
    match (tag, name.len()) {
        (0x82, _) => Some(String::from_utf8_lossy(name).into_owned()),
        (0x87, 4) => Some(IpAddr::from(<[u8; 4]>::try_from(name).ok()?).to_string()),
        (0x87, 16) => Some(IpAddr::from(<[u8; 16]>::try_from(name).ok()?).to_string()),
        _ => None,
    }
}

/// `YYMMDDHHMMSSZ`, or the same with a year of four digits. Both are always written so in certificates.
fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let text = match tag {
        // Two digits mean 1950 to 2049.
        UTC_TIME if text >= "5" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to);
    let [year, month, day] = [part(0, 4)?, part(4, 6)?, part(6, 8)?];
    let [hour, minute, second] = [part(8, 10)?, part(10, 12)?, part(12, 14)?];
    humantime::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

/// The elements of DER one after the other: tag and content. Ends where the bytes are none.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // Certificates have less than 64 KiB.
            0x81 => rest.split_first().map(|(byte, rest)| (usize::from(*byte), rest))?,
            0x82 => rest.split_first_chunk().map(|(bytes, rest)| (usize::from(u16::from_be_bytes(*bytes)), rest))?,
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;
    use crate::cli::ca::make::make;

    #[test]
    fn what_was_made_is_read() {
        // 2026-11-26 and, beyond 2049, where dates are written otherwise, 2051.
        for at in [1_795_700_000, 2_580_000_000] {
            let now = UNIX_EPOCH + Duration::from_secs(at);
            let made = make(now).unwrap();
            let leaf = Certificate::from_pem(made.chain.as_bytes()).unwrap();
            assert_eq!(leaf.subject, "Orgpass proxy");
            assert_eq!(leaf.names, ["localhost", "127.0.0.1", "::1"]);
            let hour = Duration::from_secs(3600);
            let days = leaf.validity[1].duration_since(leaf.validity[0]).unwrap().as_secs() / 86400;
            assert_eq!((leaf.validity[0], days), (now - hour, 825));
            let authority = Certificate::from_pem(made.authority.as_bytes()).unwrap();
            assert!(authority.subject.starts_with("Orgpass local CA "));
            assert_eq!((authority.names.len(), authority.validity), (0, leaf.validity));
            assert_ne!(authority.fingerprint, leaf.fingerprint);
            assert_eq!(leaf.fingerprint.len(), 32 * 3 - 1);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Certificate::from_der(&bytes);
        }

        #[test]
        fn no_cut_or_changed_byte_makes_it_panic(at in 0usize..600, byte in any::<u8>(), cut in 0usize..600) {
            let made = make(UNIX_EPOCH + Duration::from_secs(1_795_700_000)).unwrap();
            let mut der = CertificateDer::from_pem_slice(made.chain.as_bytes()).unwrap().to_vec();
            if let Some(place) = der.get_mut(at) {
                *place = byte;
            }
            let _ = Certificate::from_der(&der);
            der.truncate(cut);
            let _ = Certificate::from_der(&der);
        }
    }
}
