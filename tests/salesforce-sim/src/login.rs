//! The log-in page of each host, and the cookie that says who is logged in there.

use http::header::{LOCATION, SET_COOKIE};
use http::{Method, StatusCode};
use url::form_urlencoded;

use crate::answer::Answer;
use crate::call::{Call, parameter};
use crate::page::{escape, page};
use crate::state::logins::LoginRefused;
use crate::stop::Stop;
use crate::upload::Upload;

/// Where every host has its log-in page.
pub(crate) const PATH: &str = "/";
/// The query parameter that says where to go after.
const START: &str = "startURL";
const FORM_LIMIT: usize = 64 << 10;

/// Whether a request for [`PATH`] is for this page.
pub(crate) fn is_asked(call: &Call) -> bool {
    call.parameter(START).is_some()
}

pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    let form = upload.collect(FORM_LIMIT).await?;
    if *call.method() != Method::POST {
        return Ok(show(call, &call.parameter("un").unwrap_or_default(), None));
    }
    let username = parameter(&form, "username").unwrap_or_default();
    let password = parameter(&form, "pw").unwrap_or_default();
    let result = call.shared.world().log_in(&call.site, &username, &password);
    Ok(match result {
        Ok(cookie) => {
            let cookie = format!("{}={cookie}; Path=/; HttpOnly; SameSite=Lax", cookie_name(call));
            see(&start(call)).with(SET_COOKIE, &cookie)
        }
        Err(refused) => show(call, &username, Some(refused)),
    })
}

/// The user who is logged in at the host that was asked.
pub(crate) fn user(call: &Call) -> Option<String> {
    let cookie = call.cookie(&cookie_name(call))?;
    call.shared.world().logged_in(&call.site, cookie).map(str::to_owned)
}

/// Asks to log in before going on to `start`, a path of this host.
pub(crate) fn first(start: &str, username: Option<&str>) -> Answer {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair(START, start);
    if let Some(username) = username {
        query.append_pair("un", username);
    }
    see(&format!("{PATH}?{}", query.finish()))
}

/// A redirect that a browser follows with GET.
pub(crate) fn see(location: &str) -> Answer {
    Answer::empty(StatusCode::FOUND).with(LOCATION, location)
}

/// Browsers keep cookies by host name and not by port, and every host here has the same name.
fn cookie_name(call: &Call) -> String {
    let port = call.header("host").and_then(|host| host.rsplit_once(':')).map_or("", |(_, port)| port);
    format!("sid_{port}")
}

/// Where to go after; nowhere but to this host's own pages.
fn start(call: &Call) -> String {
    let start = call.parameter(START).unwrap_or_default();
    if start.starts_with("/setup/") { start.into_owned() } else { PATH.to_owned() }
}

fn show(call: &Call, username: &str, refused: Option<LoginRefused>) -> Answer {
    let refusal = match refused {
        None => "",
        Some(LoginRefused::Credentials) => {
            "<p role=\"alert\">Please check your username and password. If you still can't log in, contact your \
             Salesforce administrator.</p>"
        }
        Some(LoginRefused::MyDomainOnly) => {
            "<p role=\"alert\">Your organization requires My Domain login: log in at your company's own Salesforce \
             address.</p>"
        }
    };
    let world = call.shared.world();
    let users: String = world
        .users_at(&call.site)
        .into_iter()
        .map(|(name, password)| format!("<tr><td>{}</td><td><code>{}</code></td></tr>", escape(name), escape(password)))
        .collect();
    let content = format!(
        "{refusal}<form method=\"post\" action=\"?{}\"><label>Username <input name=\"username\" value=\"{}\" \
         autocomplete=\"username\" autofocus></label><label>Password <input name=\"pw\" type=\"password\" \
         autocomplete=\"current-password\"></label><button name=\"Login\">Log In</button></form>\
         <aside><p>This Salesforce is a simulation. Who can log in here, and how:</p><table>{users}</table></aside>",
        escape(call.query()),
        escape(username),
    );
    page(StatusCode::OK, "Log In", &content)
}
