//! `/services/oauth2/authorize`: the consent that a browser would give. With `login_hint` naming a user
//! the answer is that user's approval at once; without, a page offers each user of the org, and denial.

use http::StatusCode;
use http::header::LOCATION;
use url::form_urlencoded;

use crate::answer::Answer;
use crate::call::Call;
use crate::oauth_error::OauthError;
use crate::state::codes::Code;
use crate::stop::Stop;
use crate::upload::Upload;

/// The query parameter by which the consent page says that the user pressed "Deny".
const DENIED: &str = "sim_denied";

pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    upload.drain().await?;
    let client_id = call.parameter("client_id").unwrap_or_default();
    let redirect_uri = call.parameter("redirect_uri").unwrap_or_default();
    // Neither of these may be told to a callback that is not known to be the app's.
    let refusal = {
        let world = call.shared.world();
        match world.apps.get(&*client_id) {
            None => Some(OauthError::UNKNOWN_CLIENT),
            Some(app) => {
                let known = app.options.callback_urls.contains(&redirect_uri.to_string());
                (!known).then_some(OauthError::REDIRECT_MISMATCH)
            }
        }
    };
    if let Some(refusal) = refusal {
        return Ok(error_page(refusal));
    }
    Ok(match consent(call, &client_id, &redirect_uri) {
        Ok(Consent::Code(code)) => back(call, &redirect_uri, &[("code", &code)]),
        Ok(Consent::Ask) => page(call),
        Err(refused) => {
            back(call, &redirect_uri, &[("error", refused.error), ("error_description", refused.description)])
        }
    })
}

enum Consent {
    Code(String),
    Ask,
}

fn consent(call: &Call, client_id: &str, redirect_uri: &str) -> Result<Consent, OauthError> {
    if call.parameter("response_type").as_deref() != Some("code") {
        return Err(OauthError::UNSUPPORTED_RESPONSE);
    }
    let challenge = challenge(call)?;
    let mut world = call.shared.world();
    let app = &world.apps[client_id];
    if app.options.pkce_required && challenge.is_none() {
        return Err(OauthError::NO_CHALLENGE);
    }
    let scope = app.grant_scopes(call.parameter("scope").as_deref())?;
    if call.parameter(DENIED).is_some() {
        return Err(OauthError::DENIED);
    }
    let Some(username) = call.parameter("login_hint") else {
        return Ok(Consent::Ask);
    };
    let user = world.users.iter().find(|(_, user)| {
        user.active && user.username == username && call.org_id().is_none_or(|org_id| org_id == user.org_id)
    });
    let Some((user_id, _)) = user else {
        return Ok(Consent::Ask);
    };
    let code = Code {
        client_id: client_id.to_owned(),
        user_id: user_id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        scope,
        challenge,
        issued: call.shared.now(),
    };
    Ok(Consent::Code(world.issue_code(code)))
}

fn challenge(call: &Call) -> Result<Option<String>, OauthError> {
    // S256 is the default: clients that name no method work.
    let method = call.parameter("code_challenge_method");
    let known = method.is_none_or(|method| method == "S256");
    match call.parameter("code_challenge") {
        None => Ok(None),
        Some(challenge) if known && challenge.len() == 43 => Ok(Some(challenge.into_owned())),
        Some(_) => Err(OauthError::BAD_CHALLENGE),
    }
}

/// A redirect to the callback, with `state` as it came.
fn back(call: &Call, redirect_uri: &str, result: &[(&str, &str)]) -> Answer {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(result);
    if let Some(state) = call.parameter("state") {
        query.append_pair("state", &state);
    }
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{redirect_uri}{joint}{}", query.finish());
    Answer::empty(StatusCode::FOUND).with(LOCATION, &location)
}

fn page(call: &Call) -> Answer {
    let world = call.shared.world();
    let users =
        world.users.values().filter(|user| user.active && call.org_id().is_none_or(|org_id| org_id == user.org_id));
    let query = escape(call.query());
    let mut links: Vec<String> = users
        .map(|user| {
            let name: String = form_urlencoded::byte_serialize(user.username.as_bytes()).collect();
            let shown = escape(&user.username);
            format!("<li><a href=\"?{query}&amp;login_hint={name}\">Allow as {shown}</a></li>")
        })
        .collect();
    links.sort();
    let links = links.concat();
    Answer::html(
        StatusCode::OK,
        format!(
            "<html><head><title>Allow Access?</title></head><body><h1>Allow Access?</h1><ul>{links}</ul><p><a href=\"?{query}&amp;{DENIED}=1\">Deny</a></p></body></html>"
        ),
    )
}

fn error_page(refused: OauthError) -> Answer {
    let OauthError { error, description } = refused;
    Answer::html(
        StatusCode::BAD_REQUEST,
        format!("<html><body><p>error={error}&amp;error_description={description}</p></body></html>"),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
