//! Answers read from the bytes of a connection, with nothing of an HTTP library between.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Reply;

/// Every answer in `received`, in order.
pub fn replies(mut received: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !received.is_empty() {
        let end = memchr::memmem::find(received, b"\r\n\r\n").expect("a head ends");
        let (head, rest) = (std::str::from_utf8(&received[..end]).unwrap(), &received[end + 4..]);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let headers: HeaderMap = lines.map(header).collect();
        let (body, after) = body(&headers, rest);
        replies.push(Reply { status: StatusCode::from_bytes(status.as_bytes()).unwrap(), headers, body });
        received = after;
    }
    replies
}

fn header(line: &str) -> (HeaderName, HeaderValue) {
    let (name, value) = line.split_once(':').expect("a header has a colon");
    (name.parse().unwrap(), value.trim().parse().unwrap())
}

fn body<'a>(headers: &HeaderMap, rest: &'a [u8]) -> (Bytes, &'a [u8]) {
    if headers.contains_key("transfer-encoding") {
        return chunks(rest);
    }
    let length = headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    let (body, after) = rest.split_at(rest.len().min(length));
    (Bytes::copy_from_slice(body), after)
}

fn chunks(mut rest: &[u8]) -> (Bytes, &[u8]) {
    let mut body = Vec::new();
    loop {
        let end = memchr::memmem::find(rest, b"\r\n").expect("a chunk's size ends");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
        if size == 0 {
            return (body.into(), rest);
        }
    }
}
