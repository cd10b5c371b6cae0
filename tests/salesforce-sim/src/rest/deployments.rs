//! `/metadata/deployRequest`: deployments as the command line sends them over REST.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Admitted;
use crate::answer::Answer;
use crate::metadata::{self, Deployment};
use crate::multipart;
use crate::stop::Stop;

pub(super) fn answer(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    match (below, request.method().as_str()) {
        ([], "POST") => create(request, version),
        ([id], "GET") => {
            let mut result = known(request, id)?;
            if request.parameter("includeDetails").is_none_or(|value| value != "true")
                && let Some(members) = result.as_object_mut()
            {
                members.remove("details");
            }
            Ok(Answer::json(StatusCode::OK, &shown(version, id, &result)))
        }
        ([id], "PATCH") => {
            let result = known(request, id)?;
            Ok(Answer::json(StatusCode::ACCEPTED, &shown(version, id, &result)))
        }
        _ => {
            request.only(&[Method::GET, Method::POST, Method::PATCH])?;
            Err(request.not_found())
        }
    }
}

fn known(request: &Admitted<'_>, id: &str) -> Result<Value, Stop> {
    let result = request.with_org(|org| org.metadata.deployments.get(id).cloned());
    result.ok_or_else(|| request.not_found())
}

fn create(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    let media_type = request.call.header("content-type").unwrap_or_default();
    let malformed = || request.bad_request("INVALID_MULTIPART_REQUEST", "malformed parts");
    let parts = multipart::parts(media_type, &request.body).ok_or_else(malformed)?;
    // Clients differ in what they call the part with the options.
    let asked = parts.iter().find(|part| part.name != "file");
    let asked = asked.and_then(|part| serde_json::from_slice::<Value>(&part.data).ok());
    let (asked, archive) = asked.zip(multipart::named(&parts, "file")).ok_or_else(malformed)?;
    let options = &asked["deployOptions"];
    let deployment =
        Deployment { archive: Some(archive.to_vec()), check_only: options["checkOnly"].as_bool().unwrap_or_default() };
    let now = request.call.shared.now();
    let id = metadata::deploy(&mut request.call.shared.world(), now, &request.user, &deployment);
    let id = id.map_err(|problem| request.bad_request("UNKNOWN_EXCEPTION", &problem))?;
    let begun = json!({"id": id, "done": false, "status": "Pending", "success": false});
    let mut body = shown(version, &id, &begun);
    body["deployOptions"] = options.clone();
    Ok(Answer::json(StatusCode::CREATED, &body))
}

fn shown(version: &str, id: &str, result: &Value) -> Value {
    let url = format!("/services/data/{version}/metadata/deployRequest/{id}");
    json!({"id": id, "url": url, "deployResult": result})
}
