//! The device flow: where it begins, where the app polls, and the page where a person types the code.

use http::{Method, StatusCode};
use serde_json::json;

use crate::answer::Answer;
use crate::approval;
use crate::call::{Call, parameter};
use crate::login;
use crate::oauth_error::OauthError;
use crate::page::page;
use crate::state::devices::PollRefused;
use crate::state::grants::Tokens;
use crate::stop::Stop;
use crate::upload::Upload;

pub(crate) const PATH: &str = "/setup/connect";
const FORM_LIMIT: usize = 64 << 10;

/// The answer to `response_type=device_code` at the token endpoint.
pub(crate) fn begin(call: &Call, form: &[u8]) -> Answer {
    let client_id = parameter(form, "client_id").unwrap_or_default();
    let scope = parameter(form, "scope");
    let now = call.shared.now();
    let begun = call.shared.world().begin_device(now, &client_id, scope.as_deref());
    match begun {
        Err(refused) => refused.into(),
        Ok(codes) => {
            let host = call.header("host").unwrap_or_default();
            let body = json!({
                "device_code": codes.device_code,
                "user_code": codes.user_code,
                "verification_uri": format!("{}://{host}{PATH}", call.shared.doors.scheme),
                "interval": codes.interval,
            });
            Answer::json(StatusCode::OK, &body)
        }
    }
}

/// One poll, by `grant_type=device`.
pub(crate) fn poll(call: &Call, form: &[u8]) -> Result<Tokens, PollRefused> {
    let client_id = parameter(form, "client_id").unwrap_or_default();
    let code = parameter(form, "code").unwrap_or_default();
    let now = call.shared.now();
    let mut world = call.shared.world();
    if !world.apps.contains_key(&*client_id) {
        return Err(OauthError::UNKNOWN_CLIENT.into());
    }
    world.poll_device(now, &call.site, &client_id, &code)
}

/// The page where the code is typed.
pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    let form = upload.collect(FORM_LIMIT).await?;
    if login::user(call).is_none() {
        return Ok(login::first(call.path_and_query(), None));
    }
    if *call.method() != Method::POST {
        return Ok(show(false));
    }
    let user_code = parameter(&form, "user_code").unwrap_or_default().trim().to_uppercase();
    let now = call.shared.now();
    let mut world = call.shared.world();
    Ok(match world.device_ask(now, &user_code) {
        None => show(true),
        Some(ask) => login::see(&approval::page_of(&world.ask(ask))),
    })
}

fn show(was_wrong: bool) -> Answer {
    let refusal = if was_wrong { "<p role=\"alert\">The code is not valid, or it has expired.</p>" } else { "" };
    let content = format!(
        "{refusal}<form method=\"post\"><label>Enter the code that your device shows <input name=\"user_code\" \
         autocomplete=\"off\"></label><button name=\"connect\">Connect</button></form>"
    );
    page(StatusCode::OK, "Connect your device", &content)
}
