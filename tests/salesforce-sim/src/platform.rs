//! `api.salesforce.com`: accepts JWT-based access tokens of every org, and nothing else.

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
    let token = match call.bearer() {
        Presented::Token(token) if token.starts_with("eyJ") => token,
        _ => return Ok(error(StatusCode::UNAUTHORIZED, "JWT Token is required")),
    };
    let now = call.shared.now();
    let admitted = {
        let mut world = call.shared.world();
        let admitted = world.admit(now, None, ApiFamily::Platform, &token);
        if matches!(admitted, Admission::Live(_)) && !world.has_scope(&token, "sfap_api") {
            return Ok(error(StatusCode::FORBIDDEN, "the scope sfap_api is missing"));
        }
        admitted
    };
    Ok(match admitted {
        Admission::Live(identity) => {
            Answer::json(StatusCode::OK, &json!({ "path": call.path(), "org_id": identity.org_id }))
        }
        _ => ApiFamily::Platform.dead_session(call.headers()),
    })
}

pub(crate) fn error(status: StatusCode, message: &str) -> Answer {
    Answer::json(status, &json!({ "errors": [{ "message": message }] }))
}
