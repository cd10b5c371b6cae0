//! Account Engagement (Pardot) API v5 on its own host, which all orgs share.

use http::StatusCode;
use serde_json::json;

use crate::answer::Answer;
use crate::call::{Call, Presented};
use crate::dead_session::ApiFamily;
use crate::state::sessions::Admission;
use crate::stop::Stop;
use crate::upload::Upload;

pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    upload.drain().await?;
    let dead = || ApiFamily::AccountEngagement.dead_session(call.headers());
    let Presented::Token(token) = call.bearer() else { return Ok(dead()) };
    let now = call.shared.now();
    {
        let mut world = call.shared.world();
        let admitted = world.admit(now, None, ApiFamily::AccountEngagement, &token);
        if !matches!(admitted, Admission::Live(_)) || !world.has_scope(&token, "pardot_api") {
            return Ok(dead());
        }
    }
    let unit = call.header("pardot-business-unit-id").unwrap_or_default();
    if unit.len() != 18 || !unit.starts_with("0Uv") {
        return Ok(error(StatusCode::BAD_REQUEST, 181, "Pardot-Business-Unit-Id is missing or not an id"));
    }
    Ok(match call.path() {
        "/api/v5/objects/prospects" => {
            Answer::json(StatusCode::OK, &json!({ "values": [{ "id": 1, "email": "ana@acme.example" }] }))
        }
        _ => error(StatusCode::NOT_FOUND, 89, "no such resource"),
    })
}

pub(crate) fn error(status: StatusCode, code: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "code": code, "message": message }))
}
