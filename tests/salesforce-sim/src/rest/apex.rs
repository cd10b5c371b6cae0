//! Custom Apex endpoints that tests use to move bytes in ways that the standard resources do not.

use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::json;

use super::Admitted;
use crate::answer::{Answer, BINARY, PLAIN};
use crate::body::Body;
use crate::stop::Stop;
use crate::upload::Upload;

/// What `name` below `/services/apexrest/` does:
/// - `echo`: streams the request body back, with its media type
/// - `bytes?n=N`: N bytes with `Content-Length`
/// - `trickle?chunks=N`: chunks, each after the first when the test lets it
/// - `sink`: reads the body, answers its length and SHA-256
/// - `redirect?to=URL`: 302
/// - `status?code=N`: an empty answer with that status
pub(crate) async fn answer(request: &Admitted<'_>, name: &str, upload: Upload) -> Result<Answer, Stop> {
    let call = request.call;
    let number = |name: &str| call.parameter(name).and_then(|text| text.parse::<u64>().ok());
    if name == "echo" {
        request.only(&[Method::POST, Method::PUT, Method::PATCH])?;
        let media_type = call.header("content-type").unwrap_or(BINARY);
        let body = Body::Echo(Box::new(upload));
        return Ok(Answer::streaming(StatusCode::OK, media_type, body));
    }
    let chunked = call.body_is_chunked();
    let received = upload.drain().await?;
    match name {
        "sink" => {
            let sha256: String = received.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
            let body = json!({"length": received.length, "sha256": sha256, "chunked": chunked});
            Ok(Answer::json(StatusCode::OK, &body))
        }
        "bytes" => {
            let body = Body::Generated(number("n").unwrap_or_default());
            Ok(Answer::streaming(StatusCode::OK, BINARY, body))
        }
        "trickle" => {
            let permits = std::sync::Arc::clone(&call.shared.trickle);
            let body = Body::trickle(number("chunks").unwrap_or(1), permits);
            Ok(Answer::streaming(StatusCode::OK, PLAIN, body))
        }
        "redirect" => {
            let to = call.parameter("to").unwrap_or_default();
            Ok(Answer::empty(StatusCode::FOUND).with(LOCATION, &to))
        }
        "status" => {
            let code = number("code").and_then(|code| u16::try_from(code).ok());
            let status = code.and_then(|code| StatusCode::from_u16(code).ok());
            Ok(Answer::empty(status.unwrap_or(StatusCode::OK)))
        }
        _ => Err(request.error(StatusCode::NOT_FOUND, "NOT_FOUND", "Could not find a match for URL")),
    }
}
