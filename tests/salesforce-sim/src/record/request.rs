//! One recorded request, as tests read it.

use bytes::Bytes;
use http::{HeaderMap, Method};

/// One request as the simulator received it, and what became of it.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// Counts from 0 over the simulator's life, in order of arrival.
    pub number: u64,
    /// The 18-character id of the org whose listener was reached, or whom a call of the Pub/Sub API names; `None` on the
    /// login host.
    pub org: Option<String>,
    /// The method.
    pub method: Method,
    /// Path and query, byte for byte as received (the whole URL if the request used the absolute form).
    pub path_and_query: String,
    /// Every header in order, names in lower case.
    pub headers: RecordedHeaders,
    /// The access token that was presented, wherever it was.
    pub access_token: Option<String>,
    /// Bytes of body received.
    pub body_length: u64,
    /// SHA-256 of the bytes received.
    pub body_sha256: [u8; 32],
    /// The body, if it had at most 1 MiB and has not been pushed out by newer ones.
    pub body: Option<Bytes>,
    /// Whether the body was received to its end.
    pub body_complete: bool,
    /// The status answered; `None` while no answer was given, and for good if the connection was cut.
    pub status: Option<u16>,
    /// Whether the answer was a dead-session answer.
    pub dead: bool,
    /// Whether the token presented belongs to another org than the one it was sent to.
    pub foreign_token: bool,
    /// The status that a gRPC call has ended with.
    pub grpc_status: Option<u32>,
}

impl RecordedRequest {
    /// The path without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query.split('?').next().unwrap_or_default()
    }

    /// The first value of a header, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

/// The headers of a recorded request, packed into one buffer because hundreds of thousands are kept.
#[derive(Clone, Debug, Default)]
pub struct RecordedHeaders(Box<[u8]>);

impl RecordedHeaders {
    pub(super) fn pack(headers: &HeaderMap) -> Self {
        let size = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2);
        let mut packed = Vec::with_capacity(size.sum());
        for (name, value) in headers {
            packed.extend_from_slice(name.as_str().as_bytes());
            packed.push(b':');
            packed.extend_from_slice(value.as_bytes());
            // A header value cannot hold a line end, so it separates.
            packed.push(b'\n');
        }
        Self(packed.into_boxed_slice())
    }

    /// Names, in lower case, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        })
    }

    /// The first value of a header, if it is there and is text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// All values of a header that are text.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// Whether there is a header of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}
