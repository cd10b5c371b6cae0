//! The proxy's own refusals as statuses of gRPC. None is ever `UNAUTHENTICATED`: a client that can log in would do so
//! without end.

use bytes::Bytes;
use http::header;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::code::GRPC_STATUS;
use crate::proxy::error::ProxyError;
use crate::proxy::respond::ORGPASS_ERROR;

const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The content type of every answer.
pub const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");

/// An answer that is nothing but a status.
pub fn refusal(error: &ProxyError) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.headers_mut() = trailers(error);
    response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
    response
}

/// The status alone, for the end of an answer that has begun.
pub(super) fn trailers(error: &ProxyError) -> HeaderMap {
    let code = error.code();
    let message = percent_encoded(&format!("{}: {}", code.as_salesforce(), error.text()));
    let mut trailers = HeaderMap::with_capacity(3);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static(status(error.status())));
    trailers.insert(GRPC_MESSAGE, HeaderValue::try_from(message).expect("percent-encoded text is visible ASCII"));
    trailers.insert(ORGPASS_ERROR, HeaderValue::from_static(code.as_str()));
    trailers
}

/// gRPC's code for what the status says elsewhere.
fn status(status: StatusCode) -> &'static str {
    const INVALID_ARGUMENT: &str = "3";
    const DEADLINE_EXCEEDED: &str = "4";
    const PERMISSION_DENIED: &str = "7";
    const UNAVAILABLE: &str = "14";
    match status {
        StatusCode::BAD_REQUEST => INVALID_ARGUMENT,
        StatusCode::FORBIDDEN => PERMISSION_DENIED,
        StatusCode::GATEWAY_TIMEOUT => DEADLINE_EXCEEDED,
        _ => UNAVAILABLE,
    }
}

/// As gRPC wants messages: printable ASCII but `%` stays.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::error::Code;

    #[test]
    fn no_refusal_means_that_the_caller_should_log_in() {
        for code in Code::ALL {
            let expected = match code.status().as_u16() {
                400 => "3",
                403 => "7",
                502 | 503 => "14",
                504 => "4",
                other => panic!("{other} has no status of gRPC"),
            };
            assert_eq!(status(code.status()), expected, "{}", code.as_str());
        }
    }

    #[test]
    fn a_message_is_printable_and_reads_the_same_again() {
        assert_eq!(percent_encoded("100% of ü\n~"), "100%25 of %C3%BC%0A~");
        let refusal = refusal(&ProxyError::NotConnected);
        assert_eq!(refusal.status(), 200);
        let header = |name: &str| refusal.headers()[name].to_str().unwrap();
        assert_eq!((header("grpc-status"), header("orgpass-error")), ("7", "not_connected"));
        assert!(header("grpc-message").starts_with("ORGPASS_NOT_CONNECTED: Nothing is connected"));
    }
}
