//! The beginning of a SOAP request: which operation it calls, and where its session id stands. SOAP is the one API whose
//! token travels in the body (Salesforce's SOAP API guide, `SessionHeader`), so the beginning is read, and rewritten, up to
//! the first element of the SOAP body; what follows is never looked at.

mod reading;
#[cfg(test)]
mod tests;

use std::ops::Range;

/// Longest beginning that is read. Real ones have a few hundred bytes.
pub const MAX_OPENING_BYTES: usize = 64 * 1024;

/// Which of the SOAP APIs a request calls; each has a namespace of its own for `SessionHeader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoapApi {
    namespace: String,
    logs_in: bool,
}

/// What the beginning of a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoapOpening {
    /// The session id that the caller put in, its escapes undone, if there is one.
    pub session_id: Option<String>,
    /// What the request calls: the local name of the body's first element.
    pub operation: String,
    splice: Splice,
}

/// Where a token goes, and what must stand around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Splice {
    replaces: Range<usize>,
    before: String,
    after: String,
}

/// Why the beginning of a request cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoapFault {
    /// It is not a SOAP envelope in well-formed XML.
    Form,
    /// It is in another encoding than UTF-8.
    Encoding,
    /// It declares a document type, which SOAP forbids.
    DocumentType,
    /// A header or a session id is there twice, so that two readers could take different ones.
    Repeated,
    /// The operation does not begin within [`MAX_OPENING_BYTES`].
    TooLong,
}

impl SoapApi {
    /// The API of a path below `/services/Soap/`, given its third and later segments: `u` Partner, `c` Enterprise, `m`
    /// Metadata, `T` Tooling, `s` Apex, `class/NAME` a class of the org's own.
    pub fn of(third: &str, rest: &str) -> Option<Self> {
        let namespace = match third {
            "u" | "U" => "urn:partner.soap.sforce.com".to_owned(),
            "c" | "C" => "urn:enterprise.soap.sforce.com".to_owned(),
            "m" | "M" => "http://soap.sforce.com/2006/04/metadata".to_owned(),
            "t" | "T" => "urn:tooling.soap.sforce.com".to_owned(),
            "s" | "S" => "http://soap.sforce.com/2006/08/apex".to_owned(),
            _ if third.eq_ignore_ascii_case("class") && is_class_name(rest) => {
                format!("http://soap.sforce.com/schemas/class/{rest}")
            }
            _ => return None,
        };
        Some(Self { namespace, logs_in: !third.eq_ignore_ascii_case("class") })
    }

    /// Whether this operation logs in: takes a password and gives out a session id. An Apex class may call a method of its own so.
    pub fn is_login(&self, operation: &str) -> bool {
        self.logs_in && operation == "login"
    }

    /// Whether this operation ends sessions, which other callers use too.
    pub fn is_logout(&self, operation: &str) -> bool {
        self.logs_in && matches!(operation, "logout" | "invalidateSessions")
    }

    /// The namespace of the API's own elements.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Reads the beginning of a request. `None` if more of it is needed to tell; with `is_all` there is no more.
    pub fn read(&self, beginning: &[u8], is_all: bool) -> Result<Option<SoapOpening>, SoapFault> {
        if beginning.contains(&0) {
            return Err(SoapFault::Encoding);
        }
        let (text, cut_short) = match std::str::from_utf8(beginning) {
            Ok(text) => (text, false),
            Err(error) => {
                let valid = &beginning[..error.valid_up_to()];
                (std::str::from_utf8(valid).map_err(|_| SoapFault::Encoding)?, error.error_len().is_some())
            }
        };
        match reading::read(text, &self.namespace)? {
            Some(opening) => Ok(Some(opening)),
            None if cut_short => Err(SoapFault::Encoding),
            None if is_all => Err(SoapFault::Form),
            None if beginning.len() >= MAX_OPENING_BYTES => Err(SoapFault::TooLong),
            None => Ok(None),
        }
    }
}

impl SoapOpening {
    /// The beginning with `token` as its session id. `beginning` must be what was read.
    pub fn with_token(&self, beginning: &[u8], token: &str) -> Vec<u8> {
        let token = quick_xml::escape::escape(token);
        let Splice { replaces, before, after } = &self.splice;
        let (head, tail) = (&beginning[..replaces.start], &beginning[replaces.end..]);
        [head, before.as_bytes(), token.as_bytes(), after.as_bytes(), tail].concat()
    }
}

/// The user name in a whole `login` request, if there is one.
pub fn user_name(request: &[u8]) -> Option<String> {
    reading::text_of("username", std::str::from_utf8(request).ok()?)
}

/// Whether what follows `class/` is the name of a class, perhaps with a namespace in front.
fn is_class_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/'))
}
