//! Files: a ContentVersion is created from multipart or base64, and its contents are read back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::{Admitted, sobjects};
use crate::answer::{Answer, BINARY};
use crate::state::objects::Fields;
use crate::stop::Stop;

pub(crate) fn create(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    let media_type = request.call.header("content-type").unwrap_or_default();
    let (fields, contents) = if media_type.starts_with("multipart/form-data") {
        let boundary =
            boundary(media_type).ok_or_else(|| request.bad_request("INVALID_MULTIPART_REQUEST", "no boundary"))?;
        from_multipart(&request.body, boundary)
            .ok_or_else(|| request.bad_request("INVALID_MULTIPART_REQUEST", "malformed parts"))?
    } else {
        let mut fields = request.json()?;
        let encoded = fields.remove("VersionData");
        let contents = encoded
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .ok_or_else(|| request.bad_request("INVALID_BASE64", "VersionData: invalid base64"))?;
        (fields, Bytes::from(contents))
    };
    store(request, version, fields, contents)
}

fn store(request: &Admitted<'_>, version: &str, mut fields: Fields, contents: Bytes) -> Result<Answer, Stop> {
    if fields.get("PathOnClient").is_none_or(Value::is_null) {
        return Err(request.bad_request("REQUIRED_FIELD_MISSING", "Required fields are missing: [PathOnClient]"));
    }
    let document = request.call.shared.world().ids.next("069");
    fields.insert("ContentDocumentId".to_owned(), Value::from(document));
    fields.insert("ContentSize".to_owned(), Value::from(contents.len()));
    let id = sobjects::insert(request, "ContentVersion", fields)?;
    request.with_org(|org| {
        let at = format!("/services/data/{version}/sobjects/ContentVersion/{id}/VersionData");
        if let Some(record) = org.objects.get_mut("ContentVersion", &id) {
            record.insert("VersionData".to_owned(), Value::from(at));
        }
        org.objects.files.insert(id.clone(), contents);
    });
    Ok(sobjects::created(request, version, "ContentVersion", &id))
}

pub(crate) fn download(request: &Admitted<'_>, id: &str) -> Result<Answer, Stop> {
    let contents = request.with_org(|org| org.objects.files.get(id).cloned());
    match contents {
        Some(contents) => Ok(Answer::new(StatusCode::OK, BINARY, contents)),
        None => Err(request.not_found()),
    }
}

fn boundary(media_type: &str) -> Option<&str> {
    let (_, boundary) = media_type.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    (!boundary.is_empty()).then_some(boundary)
}

/// The JSON part `entity_content` and the binary part `VersionData`.
fn from_multipart(body: &Bytes, boundary: &str) -> Option<(Fields, Bytes)> {
    let delimiter = format!("--{boundary}");
    let mut fields = None;
    let mut contents = None;
    let mut rest = find(body, delimiter.as_bytes()).map(|at| at + delimiter.len())?;
    while !body[rest..].starts_with(b"--") {
        let head = rest + find(&body[rest..], b"\r\n")? + 2;
        let data = head + find(&body[head..], b"\r\n\r\n")? + 4;
        let end = data + find(&body[data..], format!("\r\n{delimiter}").as_bytes())?;
        let headers = std::str::from_utf8(&body[head..data]).ok()?;
        if headers.contains("name=\"VersionData\"") {
            contents = Some(body.slice(data..end));
        } else if headers.contains("name=\"entity_content\"") {
            fields = serde_json::from_slice(&body[data..end]).ok();
        }
        rest = end + 2 + delimiter.len();
    }
    Some((fields?, contents?))
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}
