//! `/services/oauth2/revoke`: ends a session, or a grant with all its sessions.

use http::{Method, StatusCode};

use crate::answer::Answer;
use crate::call::{Call, parameter};
use crate::oauth_error::OauthError;
use crate::stop::Stop;
use crate::upload::Upload;

const FORM_LIMIT: usize = 64 << 10;

pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    let form = upload.collect(FORM_LIMIT).await?;
    let token = if *call.method() == Method::POST { parameter(&form, "token") } else { call.parameter("token") };
    let token = token.unwrap_or_default();
    let mut world = call.shared.world();
    if world.revoke_refresh_token(&token) || world.end_session(&token) {
        Ok(Answer::empty(StatusCode::OK))
    } else {
        Ok(OauthError::NOTHING_TO_REVOKE.into())
    }
}
