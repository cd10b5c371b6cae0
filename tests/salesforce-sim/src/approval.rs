//! The page on which a user allows an app what it asks for, or denies it.

use http::{Method, StatusCode};

use crate::answer::Answer;
use crate::authorize;
use crate::call::{Call, parameter};
use crate::login;
use crate::oauth_error::OauthError;
use crate::page::{error_page, escape, page};
use crate::state::asks::{Ask, Purpose};
use crate::state::devices::DeviceAnswer;
use crate::stop::Stop;
use crate::upload::Upload;

pub(crate) const PATH: &str = "/setup/secur/RemoteAccessAuthorizationPage.apexp";
const FORM_LIMIT: usize = 64 << 10;

/// Where the page for an ask is.
pub(crate) fn page_of(source: &str) -> String {
    format!("{PATH}?source={source}")
}

pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    let form = upload.collect(FORM_LIMIT).await?;
    let source = call.parameter("source").unwrap_or_default();
    let Some(user_id) = login::user(call) else {
        return Ok(login::first(call.path_and_query(), None));
    };
    let Some(ask) = call.shared.world().asks.get(&*source).cloned() else {
        return Ok(error_page("invalid_request", "there is nothing to approve, or it has been answered"));
    };
    if let Some(answer) = refuse_as_scripted(call, &source, &ask, &user_id) {
        return Ok(answer);
    }
    if *call.method() != Method::POST {
        return Ok(show(call, &ask, &user_id));
    }
    let allowed = match (parameter(&form, "save"), parameter(&form, "cancel")) {
        (Some(_), None) => true,
        (None, Some(_)) => false,
        _ => return Ok(show(call, &ask, &user_id)),
    };
    call.shared.world().asks.remove(&*source);
    Ok(if allowed { allow(call, &ask, &user_id) } else { deny(call, &ask) })
}

/// What is scripted for this user's org comes before anything is asked.
fn refuse_as_scripted(call: &Call, source: &str, ask: &Ask, user_id: &str) -> Option<Answer> {
    let mut world = call.shared.world();
    let scripted = world.scripted_refusal(&ask.client_id, Some(user_id))?;
    world.asks.remove(source);
    Some(match &ask.purpose {
        Purpose::Callback(callback) => authorize::refuse(callback, &scripted.error, &scripted.description),
        Purpose::Device { user_code } => {
            let page = error_page(&scripted.error, &scripted.description);
            let (error, description) = (scripted.error, scripted.description);
            world.answer_device(user_code, DeviceAnswer::Refused { error, description });
            page
        }
    })
}

fn allow(call: &Call, ask: &Ask, user_id: &str) -> Answer {
    match &ask.purpose {
        Purpose::Callback(callback) => authorize::allow(call, ask, callback, user_id),
        Purpose::Device { user_code } => {
            let answer = DeviceAnswer::Approved { user_id: user_id.to_owned() };
            call.shared.world().answer_device(user_code, answer);
            page(StatusCode::OK, "You&#39;re connected", "<p>You can close this window.</p>")
        }
    }
}

fn deny(call: &Call, ask: &Ask) -> Answer {
    let OauthError { error, description } = OauthError::DENIED;
    match &ask.purpose {
        Purpose::Callback(callback) => authorize::refuse(callback, error, description),
        Purpose::Device { user_code } => {
            let (error, description) = (error.to_owned(), description.to_owned());
            call.shared.world().answer_device(user_code, DeviceAnswer::Refused { error, description });
            page(StatusCode::OK, "Access denied", "<p>You can close this window.</p>")
        }
    }
}

fn show(call: &Call, ask: &Ask, user_id: &str) -> Answer {
    let world = call.shared.world();
    let app = escape(&world.apps[&ask.client_id].options.name);
    let user = escape(&world.users[user_id].username);
    let scopes: String = ask.scope.split(' ').map(|scope| format!("<li>{}</li>", escape(words(scope)))).collect();
    let content = format!(
        "<p><strong>{app}</strong> is asking to:</p><ul>{scopes}</ul>\
         <p>Do you want to allow access for {user}?</p>\
         <form method=\"post\" action=\"?{}\"><button name=\"cancel\" value=\"Deny\">Deny</button>\
         <button name=\"save\" value=\"Allow\">Allow</button></form>",
        escape(call.query()),
    );
    page(StatusCode::OK, "Allow Access?", &content)
}

/// What a scope is called to people.
fn words(scope: &str) -> &str {
    match scope {
        "api" => "Manage user data via APIs",
        "web" => "Manage user data via Web browsers",
        "full" => "Full access",
        "refresh_token" | "offline_access" => "Perform requests at any time",
        "openid" => "Access unique user identifiers",
        "id" | "profile" | "email" | "address" | "phone" => "Access the identity URL service",
        other => other,
    }
}
