//! Data Cloud: `/services/a360/token`, where an org's access token earns one of its tenant, and the tenant's own host,
//! which accepts nothing else.

mod tenant;

use http::{Method, StatusCode};
use serde_json::json;

use crate::answer::Answer;
use crate::call::{Call, Presented, parameter};
use crate::dead_session::ApiFamily;
use crate::state::services::DataCloudAdmission;
use crate::stop::Stop;
use crate::upload::{BUFFERED, Upload};

pub(crate) const TOKEN_PATH: &str = "/services/a360/token";

const GRANT: &str = "urn:salesforce:grant-type:external:cdp";
const SUBJECT: &str = "urn:ietf:params:oauth:token-type:access_token";
const FORM_LIMIT: usize = 64 << 10;

/// The exchange. A missing scope is told inside a 200, as the real endpoint has been seen to do.
pub(crate) async fn exchange(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    let form = upload.collect(FORM_LIMIT).await?;
    let refused = |status, error: &str, text: &str| Ok(oauth(status, error, text));
    let Some(org_id) = call.org_id() else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "request not supported on this domain");
    };
    let field = |name: &str| parameter(&form, name);
    if *call.method() != Method::POST {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "must use HTTP POST");
    }
    if field("grant_type").as_deref() != Some(GRANT) || field("subject_token_type").as_deref() != Some(SUBJECT) {
        return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", "grant type not supported");
    }
    if field("scope").is_some() {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "scope parameter not supported");
    }
    let token = field("subject_token").unwrap_or_default();
    call.entry.presented(&token);
    let now = call.shared.now();
    if !call.shared.world().may_earn(now, org_id, &token) {
        return Ok(oauth(StatusCode::BAD_REQUEST, "invalid_grant", "expired access/refresh token").dead());
    }
    if !call.shared.world().has_scope(&token, "cdp_") {
        return refused(StatusCode::OK, "invalid_scope", "the token has no Data Cloud scope");
    }
    let host = call.shared.data_cloud_host(org_id);
    let (access_token, life) = call.shared.world().issue_data_cloud_token(now, org_id);
    let body = json!({
        "access_token": access_token,
        "instance_url": host,
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "expires_in": life / 1000,
    });
    Ok(Answer::json(StatusCode::OK, &body))
}

fn oauth(status: StatusCode, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
}

/// A tenant's own host.
pub(crate) async fn answer(call: &Call, org_id: &str, upload: Upload) -> Result<Answer, Stop> {
    let body = upload.collect_plain(call.body_is_gzipped(), BUFFERED).await?;
    let Presented::Token(token) = call.bearer() else {
        return Ok(ApiFamily::DataCloud.dead_session(call.headers()));
    };
    let now = call.shared.now();
    match call.shared.world().admit_to_data_cloud(now, org_id, &token) {
        DataCloudAdmission::Live => {}
        DataCloudAdmission::Dead => return Ok(ApiFamily::DataCloud.dead_session(call.headers())),
        DataCloudAdmission::Foreign => {
            call.entry.foreign_token();
            return Ok(ApiFamily::DataCloud.dead_session(call.headers()));
        }
    }
    Ok(tenant::answer(call, org_id, &body))
}
