//! Account Engagement (Pardot) API v5 on its own host, which all orgs share.

mod prospects;

use http::StatusCode;
use serde_json::json;

use crate::answer::Answer;
use crate::call::{Call, Presented};
use crate::dead_session::ApiFamily;
use crate::state::sessions::Admission;
use crate::stop::Stop;
use crate::upload::{BUFFERED, Upload};

pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    let body = upload.collect_plain(call.body_is_gzipped(), BUFFERED).await?;
    let dead = || ApiFamily::AccountEngagement.dead_session(call.headers());
    let Presented::Token(token) = call.bearer() else { return Ok(dead()) };
    let now = call.shared.now();
    let user = {
        let mut world = call.shared.world();
        match world.admit(now, None, ApiFamily::AccountEngagement, &token) {
            Admission::Live(user) if world.has_scope(&token, "pardot_api") => user,
            _ => return Ok(dead()),
        }
    };
    let unit = call.header("pardot-business-unit-id").unwrap_or_default();
    if unit.len() != 18 || !unit.starts_with("0Uv") {
        return Ok(error(StatusCode::BAD_REQUEST, 181, "Pardot-Business-Unit-Id is missing or not an id"));
    }
    let below = call.path().strip_prefix("/api/v5/objects/prospects");
    Ok(match below.and_then(|below| if below.is_empty() { Some("") } else { below.strip_prefix('/') }) {
        Some(id) => prospects::answer(call, &user.org_id, id.trim_end_matches('/'), &body),
        None => error(StatusCode::NOT_FOUND, 89, "no such resource"),
    })
}

pub(crate) fn error(status: StatusCode, code: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "code": code, "message": message }))
}
