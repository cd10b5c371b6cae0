//! Files: a ContentVersion is created from multipart or base64, and its contents are read back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::{Admitted, sobjects};
use crate::answer::{Answer, BINARY};
use crate::multipart;
use crate::state::objects::Fields;
use crate::stop::Stop;

pub(crate) fn create(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    let media_type = request.call.header("content-type").unwrap_or_default();
    let (fields, contents) = if multipart::is_one(media_type) {
        let malformed = || request.bad_request("INVALID_MULTIPART_REQUEST", "malformed parts");
        let parts = multipart::parts(media_type, &request.body).ok_or_else(malformed)?;
        let fields = multipart::named(&parts, "entity_content").and_then(|json| serde_json::from_slice(json).ok());
        let contents = multipart::named(&parts, "VersionData").cloned();
        fields.zip(contents).ok_or_else(malformed)?
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
