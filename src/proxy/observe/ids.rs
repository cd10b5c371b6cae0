//! Names of calls: this proxy's own, and the one that the org gives in its answer.

use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers in which Salesforce names a request, as its edge sends them.
const ORG_REQUEST_IDS: [HeaderName; 2] =
    [HeaderName::from_static("x-sfdc-request-id"), HeaderName::from_static("x-request-id")];
/// Ids of requests are half as long.
const MAX_ORG_REQUEST: usize = 64;

/// Names calls: random where a worker starts, then counted.
pub(super) struct Ids(AtomicU64);

pub(super) struct RequestId([u8; 16]);

impl Ids {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(getrandom::u64().expect("the operating system's random source works")))
    }

    pub(super) fn next(&self) -> RequestId {
        let mut hex = [0; 16];
        HEXLOWER.encode_mut(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes(), &mut hex);
        RequestId(hex)
    }
}

impl RequestId {
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are text")
    }
}

/// What the org calls the request, if its answer says so.
pub(super) fn org_request(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = ORG_REQUEST_IDS.iter().find_map(|name| headers.get(name))?;
    is_id(id.as_bytes()).then(|| id.clone())
}

/// Whether a header may stand in the log: an id has letters, digits and dashes.
fn is_id(value: &[u8]) -> bool {
    (1..=MAX_ORG_REQUEST).contains(&value.len())
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}
