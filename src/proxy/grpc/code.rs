//! Codes of gRPC, by name.

use http::{HeaderMap, HeaderName};

/// Where the status of an answer is: in its trailers, or in its head if there is nothing else.
pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// By number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
/// What a code means that nobody knows.
const UNKNOWN: u8 = 2;
/// Those that are the server's fault, by the conventions of OpenTelemetry: `UNKNOWN`, `DEADLINE_EXCEEDED`,
/// `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS`.
const OF_SERVER: [u8; 6] = [2, 4, 12, 13, 14, 15];

/// How a call of gRPC ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcCode(u8);

impl GrpcCode {
    /// Somebody went away before the end.
    pub const CANCELLED: Self = Self(1);

    /// The code in a head or in trailers, if there is one.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(GRPC_STATUS)?;
        let number = value.to_str().ok().and_then(|text| text.parse::<u8>().ok());
        Some(Self(number.filter(|number| usize::from(*number) < NAMES.len()).unwrap_or(UNKNOWN)))
    }

    /// Its name, such as `NOT_FOUND`.
    pub fn as_str(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// Whether the call did not do what it was for.
    pub fn is_error(self) -> bool {
        self.0 != 0
    }

    /// Whether that is the fault of whoever answered.
    pub fn is_fault_of_server(self) -> bool {
        OF_SERVER.contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_names_and_whose_fault_they_are() {
        for (value, name, is_error, is_fault) in [
            ("0", "OK", false, false),
            ("1", "CANCELLED", true, false),
            ("5", "NOT_FOUND", true, false),
            ("14", "UNAVAILABLE", true, true),
            ("16", "UNAUTHENTICATED", true, false),
            ("17", "UNKNOWN", true, true),
            ("-1", "UNKNOWN", true, true),
            ("", "UNKNOWN", true, true),
        ] {
            let code = GrpcCode::of(&HeaderMap::from_iter([(GRPC_STATUS, value.parse().unwrap())])).unwrap();
            assert_eq!(
                (code.as_str(), code.is_error(), code.is_fault_of_server()),
                (name, is_error, is_fault),
                "{value}"
            );
        }
        assert_eq!(GrpcCode::of(&HeaderMap::new()), None);
    }
}
