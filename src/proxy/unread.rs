//! What a caller is still sending when its call is answered here. Most callers read the answer after they have sent all,
//! and a connection that ends before breaks off under them: they show that instead of the answer, or lose their next
//! call to it. So what is little and comes at once is read first, and else the answer tells that the connection ends.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Response};
use http_body_util::BodyExt;
use hyper::body::Body;

use super::body::Body as Answer;
use super::source::Source;

/// What is read at most, and how long for.
const MOST: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads the rest of a body, or says in the response that the connection ends.
pub(super) async fn finish(mut body: Source, response: &mut Response<Answer>) {
    if body.is_end_stream() || response.headers().contains_key(CONNECTION) {
        return;
    }
    // What is not wanted is not asked for (RFC 9110, section 10.1.1), and may come all the same.
    let is_held_back = matches!(body, Source::HeldBack(_));
    let is_little = body.size_hint().lower() <= MOST as u64;
    if is_held_back || !is_little || tokio::time::timeout(PATIENCE, read(&mut body)).await != Ok(true) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Whether the whole of it could be read.
async fn read(body: &mut Source) -> bool {
    let mut left = MOST;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}
