//! Heroku AppLink's authorizations: its SDKs ask for one by name, and then call the org that it names with the token in it.

use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;

use super::{LoggedIn, json};
use crate::proxy::Proxy;
use crate::proxy::body::Body;
use crate::proxy::error::{ProxyError, RequestFault};
use crate::proxy::respond::ORGPASS_ERROR;

/// Both SDKs put it behind `/services/data/v`.
const API_VERSION: &str = "62.0";
/// Nobody asks when an authorization was made, but both SDKs read a date.
const CREATED: &str = "2026-01-01T00:00:00.000000Z";

#[derive(Serialize)]
struct Authorization<'a> {
    id: &'a str,
    status: &'static str,
    created_at: &'static str,
    created_by: &'a str,
    created_via_app: &'static str,
    last_modified_at: &'static str,
    last_modified_by: &'a str,
    redirect_uri: Option<&'static str>,
    org: Org<'a>,
}

#[derive(Serialize)]
struct Org<'a> {
    id: &'a str,
    developer_name: &'a str,
    instance_url: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    api_version: &'static str,
    user_auth: UserAuth<'a>,
}

#[derive(Serialize)]
struct UserAuth<'a> {
    username: &'a str,
    user_id: &'a str,
    access_token: &'a str,
}

#[derive(Serialize)]
struct Trouble<'a> {
    id: &'static str,
    message: &'a str,
}

/// Answers `GET /applink/authorizations/NAME`.
pub(super) async fn authorization(proxy: &Proxy, head: &Parts, path: &str) -> Result<Response<Body>, ProxyError> {
    if head.method != Method::GET {
        return Err(RequestFault::AppLinkMethod.into());
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some(key) = proxy.settings.applink.get(name) else {
        let message = "no connection is configured for this name; add [proxy.applink.NAME] with its tenant";
        return Ok(json(StatusCode::NOT_FOUND, &Trouble { id: "not_found", message }));
    };
    Ok(match proxy.log_in(head, key).await {
        Ok(user) => json(StatusCode::OK, &authorization_of(name, key.user().unwrap_or(key.tenant()), &user)),
        Err(error) => {
            let mut response = json(error.status(), &Trouble { id: error.code().as_str(), message: &error.text() });
            response.headers_mut().insert(ORGPASS_ERROR, HeaderValue::from_static(error.code().as_str()));
            response
        }
    })
}

fn authorization_of<'a>(name: &'a str, username: &'a str, user: &'a LoggedIn) -> Authorization<'a> {
    let user_auth = UserAuth { username, user_id: &user.user_id, access_token: &user.token };
    Authorization {
        id: name,
        status: "authorized",
        created_at: CREATED,
        created_by: username,
        created_via_app: "orgpass",
        last_modified_at: CREATED,
        last_modified_by: username,
        redirect_uri: None,
        org: Org {
            id: &user.org_id,
            developer_name: name,
            instance_url: &user.base,
            kind: "SalesforceOrg",
            api_version: API_VERSION,
            user_auth,
        },
    }
}
