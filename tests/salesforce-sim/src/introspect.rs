//! `/services/oauth2/introspect`: tells an app whether one of its own sessions lives, and until when.

use http::StatusCode;
use serde_json::json;

use crate::answer::Answer;
use crate::call::{Call, parameter};
use crate::stop::Stop;
use crate::token_endpoint;
use crate::upload::Upload;

const FORM_LIMIT: usize = 64 << 10;

pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    let form = upload.collect(FORM_LIMIT).await?;
    // A secret is needed whatever the app's settings say of its other flows.
    let client_id = match token_endpoint::proved_client(call, &form) {
        Ok(client_id) => client_id,
        Err(refusal) => return Ok(refusal.into()),
    };
    let token = parameter(&form, "token").unwrap_or_default();
    let now = call.shared.now();
    let known = call.shared.world().introspect(now, &client_id, &token);
    let body = match known {
        None => json!({"active": false}),
        Some(session) => json!({
            "active": true,
            "scope": "api",
            "client_id": client_id,
            "username": session.username,
            "sub": session.sub,
            "token_type": "access_token",
            "exp": session.ends / 1000,
            "iat": session.issued / 1000,
            "nbf": session.issued / 1000,
        }),
    };
    Ok(Answer::json(StatusCode::OK, &body))
}
