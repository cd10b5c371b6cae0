//! Files: records with contents are created from multipart or base64, and their contents are read back.

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

/// The field that holds the contents of an object's records; `None` for an object without.
pub(crate) fn blob_of(object: &str) -> Option<&'static str> {
    match object {
        "ContentVersion" => Some("VersionData"),
        "Attachment" | "Document" => Some("Body"),
        _ => None,
    }
}

pub(crate) fn create(request: &Admitted<'_>, version: &str, object: &str) -> Result<Answer, Stop> {
    let blob = blob_of(object).ok_or_else(|| request.not_found())?;
    let media_type = request.call.header("content-type").unwrap_or_default();
    let (fields, contents) = if multipart::is_one(media_type) {
        let malformed = || request.bad_request("INVALID_MULTIPART_REQUEST", "malformed parts");
        let parts = multipart::parts(media_type, &request.body).ok_or_else(malformed)?;
        // Clients differ in what they call the part with the fields.
        let fields = parts.iter().find(|part| part.name != blob);
        let fields = fields.and_then(|part| serde_json::from_slice(&part.data).ok());
        fields.zip(multipart::named(&parts, blob).cloned()).ok_or_else(malformed)?
    } else {
        let mut fields = request.json()?;
        let encoded = fields.remove(blob);
        let contents = encoded
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .ok_or_else(|| request.bad_request("INVALID_BASE64", &format!("{blob}: invalid base64")))?;
        (fields, Bytes::from(contents))
    };
    store(request, version, (object, blob), fields, contents)
}

fn store(
    request: &Admitted<'_>,
    version: &str,
    (object, blob): (&str, &str),
    mut fields: Fields,
    contents: Bytes,
) -> Result<Answer, Stop> {
    let (required, size) =
        if object == "ContentVersion" { ("PathOnClient", "ContentSize") } else { ("Name", "BodyLength") };
    if fields.get(required).is_none_or(Value::is_null) {
        let message = format!("Required fields are missing: [{required}]");
        return Err(request.bad_request("REQUIRED_FIELD_MISSING", &message));
    }
    if object == "ContentVersion" {
        let document = request.call.shared.world().ids.next("069");
        fields.insert("ContentDocumentId".to_owned(), Value::from(document));
    }
    fields.insert(size.to_owned(), Value::from(contents.len()));
    let id = sobjects::insert(request, object, fields)?;
    request.with_org(|org| {
        let at = format!("/services/data/{version}/sobjects/{object}/{id}/{blob}");
        if let Some(record) = org.objects.get_mut(object, &id) {
            record.insert(blob.to_owned(), Value::from(at));
        }
        org.objects.files.insert(id.clone(), contents);
    });
    Ok(sobjects::created(request, version, object, &id))
}

pub(crate) fn download(request: &Admitted<'_>, id: &str) -> Result<Answer, Stop> {
    let contents = request.with_org(|org| org.objects.files.get(id).cloned());
    match contents {
        Some(contents) => Ok(Answer::new(StatusCode::OK, BINARY, contents)),
        None => Err(request.not_found()),
    }
}
