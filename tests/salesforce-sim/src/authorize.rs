//! `/services/oauth2/authorize`: judges what an app asks for, and sends its user on to log in and to allow or deny it.
//! For tests without a browser, `sim_allow` with a user name and `sim_deny` answer in the user's place.

use url::form_urlencoded;

use crate::answer::Answer;
use crate::approval;
use crate::call::Call;
use crate::login;
use crate::oauth_error::OauthError;
use crate::page::error_page;
use crate::state::asks::{Ask, Callback, Purpose};
use crate::stop::Stop;
use crate::upload::Upload;

const ALLOW: &str = "sim_allow";
const DENY: &str = "sim_deny";

pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    upload.drain().await?;
    let client_id = call.parameter("client_id").unwrap_or_default();
    let redirect_uri = call.parameter("redirect_uri").unwrap_or_default();
    // Neither of these may be told to a callback that is not known to be the app's.
    let refusal = match call.shared.world().apps.get(&*client_id) {
        None => Some(OauthError::UNKNOWN_CLIENT),
        Some(_) if redirect_uri.is_empty() => Some(OauthError::REDIRECT_MISSING),
        Some(app) if !app.options.callback_urls.iter().any(|known| *known == redirect_uri) => {
            Some(OauthError::REDIRECT_MISMATCH)
        }
        Some(_) => None,
    };
    if let Some(OauthError { error, description }) = refusal {
        return Ok(error_page(error, description));
    }
    let callback = Callback {
        redirect_uri: redirect_uri.into_owned(),
        state: call.parameter("state").map(std::borrow::Cow::into_owned),
        challenge: call.parameter("code_challenge").map(std::borrow::Cow::into_owned),
        nonce: call.parameter("nonce").map(std::borrow::Cow::into_owned),
    };
    if let Some(scripted) = call.shared.world().scripted_refusal(&client_id, None) {
        return Ok(refuse(&callback, &scripted.error, &scripted.description));
    }
    Ok(match judge(call, &client_id, &callback) {
        Ok(scope) => {
            let client_id = client_id.into_owned();
            begin(call, Ask { client_id, scope, purpose: Purpose::Callback(callback.clone()) }, &callback)
        }
        Err(refused) => refuse(&callback, refused.error, refused.description),
    })
}

/// The scopes that may be granted.
fn judge(call: &Call, client_id: &str, callback: &Callback) -> Result<String, OauthError> {
    if call.parameter("response_type").as_deref() != Some("code") {
        return Err(OauthError::UNSUPPORTED_RESPONSE);
    }
    // S256 is the default: clients that name no method work.
    let method = call.parameter("code_challenge_method");
    let is_known = method.is_none_or(|method| method == "S256");
    let world = call.shared.world();
    let app = &world.apps[client_id];
    match &callback.challenge {
        None if app.options.pkce_required => return Err(OauthError::NO_CHALLENGE),
        Some(challenge) if !is_known || challenge.len() != 43 => return Err(OauthError::BAD_CHALLENGE),
        _ => {}
    }
    app.grant_scopes(call.parameter("scope").as_deref())
}

fn begin(call: &Call, ask: Ask, callback: &Callback) -> Answer {
    if call.parameter(DENY).is_some() {
        let OauthError { error, description } = OauthError::DENIED;
        return refuse(callback, error, description);
    }
    if let Some(username) = call.parameter(ALLOW) {
        return allow_at_once(call, &ask, callback, &username);
    }
    let prompts = |word: &str| call.parameter("prompt").is_some_and(|given| given.split(' ').any(|one| one == word));
    let hint = call.parameter("login_hint");
    let user = login::user(call).filter(|_| !prompts("login") && !prompts("select_account"));
    if call.parameter("immediate").as_deref() == Some("true") {
        let approved = user.filter(|user_id| call.shared.world().is_approved(&ask.client_id, user_id));
        return match approved {
            Some(user_id) => allow(call, &ask, callback, &user_id),
            None => refuse(callback, OauthError::NO_SESSION.error, OauthError::NO_SESSION.description),
        };
    }
    let page = approval::page_of(&call.shared.world().ask(ask));
    match user {
        Some(_) => login::see(&page),
        None => login::first(&page, hint.as_deref()),
    }
}

fn allow_at_once(call: &Call, ask: &Ask, callback: &Callback, username: &str) -> Answer {
    let user_id = call.shared.world().user_at(&call.site, username).map(str::to_owned);
    match user_id {
        Some(user_id) => allow(call, ask, callback, &user_id),
        None => error_page("sim_allow", "no such user logs in here"),
    }
}

/// Sends a user's approval back to the app, or what is scripted to come of it.
pub(crate) fn allow(call: &Call, ask: &Ask, callback: &Callback, user_id: &str) -> Answer {
    let now = call.shared.now();
    let mut world = call.shared.world();
    if let Some(scripted) = world.scripted_refusal(&ask.client_id, Some(user_id)) {
        return refuse(callback, &scripted.error, &scripted.description);
    }
    let code = world.code_for(now, &ask.client_id, &ask.scope, user_id, callback);
    back(callback, &[("code", &code)])
}

/// Sends a refusal back to the app.
pub(crate) fn refuse(callback: &Callback, error: &str, description: &str) -> Answer {
    back(callback, &[("error", error), ("error_description", description)])
}

/// A redirect to the callback, with `state` as it came.
fn back(callback: &Callback, result: &[(&str, &str)]) -> Answer {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(result);
    if let Some(state) = &callback.state {
        query.append_pair("state", state);
    }
    let joint = if callback.redirect_uri.contains('?') { '&' } else { '?' };
    login::see(&format!("{}{joint}{}", callback.redirect_uri, query.finish()))
}
