//! Bodies of several parts, as forms with files are sent.

use bytes::Bytes;

pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) data: Bytes,
}

/// Whether a media type is that of such a body.
pub(crate) fn is_one(media_type: &str) -> bool {
    media_type.starts_with("multipart/form-data")
}

/// The parts of a body of this media type, in order; `None` if it is malformed.
pub(crate) fn parts(media_type: &str, body: &Bytes) -> Option<Vec<Part>> {
    let delimiter = format!("--{}", boundary(media_type)?);
    let end_of_data = format!("\r\n{delimiter}");
    let mut parts = Vec::new();
    let mut rest = find(body, delimiter.as_bytes()).map(|at| at + delimiter.len())?;
    while !body[rest..].starts_with(b"--") {
        let head = rest + find(&body[rest..], b"\r\n")? + 2;
        let data = head + find(&body[head..], b"\r\n\r\n")? + 4;
        let end = data + find(&body[data..], end_of_data.as_bytes())?;
        let headers = std::str::from_utf8(&body[head..data]).ok()?;
        let (_, name) = headers.split_once(" name=")?;
        let name = name.trim_start_matches('"').split(['"', ';', '\r']).next()?;
        parts.push(Part { name: name.to_owned(), data: body.slice(data..end) });
        rest = end + end_of_data.len();
    }
    Some(parts)
}

/// The data of the part of this name.
pub(crate) fn named<'a>(parts: &'a [Part], name: &str) -> Option<&'a Bytes> {
    parts.iter().find(|part| part.name == name).map(|part| &part.data)
}

fn boundary(media_type: &str) -> Option<&str> {
    let (_, boundary) = media_type.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    (!boundary.is_empty()).then_some(boundary)
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--x\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n{}\r\n--x\r\n\
        Content-Disposition: form-data; name=\"content\"; filename=\"a\"\r\n\r\na\r\n--y\r\n--x--\r\n";

    #[test]
    fn parts_are_told_apart_by_their_boundary() {
        let parts = parts("multipart/form-data; boundary=\"x\"", &Bytes::from(BODY)).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(named(&parts, "job").unwrap(), "{}");
        assert_eq!(named(&parts, "content").unwrap(), "a\r\n--y");
    }

    #[test]
    fn a_body_that_breaks_off_has_no_parts() {
        assert!(parts("multipart/form-data; boundary=x", &Bytes::from(&BODY[..BODY.len() - 8])).is_none());
        assert!(parts("multipart/form-data", &Bytes::from(BODY)).is_none());
    }
}
