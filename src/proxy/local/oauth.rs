//! Salesforce's token and revocation endpoints, for clients that log in by them: the forms of the grants that they send, and
//! answers of the form that they read.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::{LoggedIn, Names, json, whole};
use crate::connection::{ConnectionKey, LocalToken};
use crate::proxy::Proxy;
use crate::proxy::body::Body;
use crate::proxy::error::ProxyError;
use crate::proxy::respond::ORGPASS_ERROR;
use crate::proxy::source::Source;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

type Form = HashMap<String, String>;

/// What a successful exchange answers (Salesforce's OAuth endpoints, token response). Clients split `id` at its slashes.
#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: &'a str,
    refresh_token: Option<&'a str>,
    instance_url: &'a str,
    id: String,
    token_type: &'static str,
    issued_at: String,
    /// Salesforce signs with the app's secret, which nobody here has; clients want the field all the same.
    signature: &'static str,
    scope: &'static str,
}

#[derive(Serialize)]
struct ErrorAnswer<'a> {
    error: &'static str,
    error_description: &'a str,
}

/// Answers an exchange.
pub(super) async fn token(proxy: &Proxy, head: &Parts, body: Source) -> Response<Body> {
    let form = match form(head, body).await {
        Ok(form) => form,
        Err(error) => return refused("invalid_request", &error),
    };
    let key = match connection(&form, head, &proxy.settings.logins) {
        Ok(key) => key,
        Err((error, text)) => return json(StatusCode::BAD_REQUEST, &ErrorAnswer { error, error_description: &text }),
    };
    match proxy.log_in(head, &key).await {
        Ok(user) => granted(&user, form.get("grant_type").is_some_and(|grant| grant == "refresh_token")),
        Err(error) if error.retry_after().is_some() => refused("temporarily_unavailable", &error),
        Err(error) => refused("invalid_grant", &error),
    }
}

/// Answers a revocation: a local token stays good for the other callers of its connection, so nothing ends.
pub(super) async fn revoke(head: &Parts, body: Source) -> Response<Body> {
    let form = match form(head, body).await {
        Ok(form) => form,
        Err(error) => return refused("invalid_request", &error),
    };
    if form.get("token").is_some_and(|token| LocalToken::parse(token.as_bytes()).is_ok()) {
        return Response::new(Body::own(bytes::Bytes::new()));
    }
    let error_description = "this is no local token of Orgpass; it was not passed on to Salesforce and is not revoked";
    json(StatusCode::BAD_REQUEST, &ErrorAnswer { error: "invalid_token", error_description })
}

/// Which connection an exchange means.
fn connection(form: &Form, head: &Parts, logins: &Names) -> Result<ConnectionKey, (&'static str, String)> {
    let field = |name: &str| form.get(name).map(String::as_str);
    let missing = |name: &str| ("invalid_request", format!("{name} is missing"));
    let name = match field("grant_type").unwrap_or_default() {
        "password" => field("username").ok_or_else(|| missing("username"))?.to_owned(),
        "client_credentials" => client_id(form, head).ok_or_else(|| missing("client_id"))?,
        JWT_BEARER => subject(field("assertion").unwrap_or_default()).ok_or_else(|| missing("the assertion's sub"))?,
        "refresh_token" => {
            let token = field("refresh_token").unwrap_or_default();
            return LocalToken::parse(token.as_bytes()).map(|token| token.key).map_err(|_| {
                ("invalid_grant", "the refresh token is not a local token of Orgpass; give the client one".to_owned())
            });
        }
        _ => {
            let text = "grant type not supported here: password, client_credentials, refresh_token or a JWT assertion";
            return Err(("unsupported_grant_type", text.to_owned()));
        }
    };
    logins.get(&name).cloned().ok_or_else(|| {
        // The name is the caller's own text and may be anything.
        let text = "no connection is configured for this name; add [proxy.logins.\"NAME\"] with its tenant";
        ("invalid_grant", text.to_owned())
    })
}

/// The fields of a form, in the body or, as Salesforce takes them too, in the URL.
async fn form(head: &Parts, body: Source) -> Result<Form, ProxyError> {
    let body = whole(body).await?;
    let query = head.uri.query().unwrap_or_default().as_bytes();
    Ok(form_urlencoded::parse(query).into_owned().chain(form_urlencoded::parse(&body).into_owned()).collect())
}

fn client_id(form: &Form, head: &Parts) -> Option<String> {
    if let Some(id) = form.get("client_id") {
        return Some(id.clone());
    }
    let value = head.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (id, _) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(id.to_owned())
}

/// Whom an assertion speaks for. Its signature proves nothing that is asked for here.
fn subject(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        sub: Option<String>,
        prn: Option<String>,
    }
    let payload = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    claims.sub.or(claims.prn)
}

fn granted(user: &LoggedIn, refreshes: bool) -> Response<Body> {
    let LoggedIn { token, base, org_id, user_id } = user;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let answer = TokenAnswer {
        access_token: token,
        refresh_token: refreshes.then_some(token),
        instance_url: base,
        id: format!("{base}/id/{org_id}/{user_id}"),
        token_type: "Bearer",
        issued_at: now.as_millis().to_string(),
        signature: "",
        scope: "api",
    };
    json(StatusCode::OK, &answer)
}

fn refused(error: &'static str, why: &ProxyError) -> Response<Body> {
    let status = if why.retry_after().is_some() { why.status() } else { StatusCode::BAD_REQUEST };
    let mut response = json(status, &ErrorAnswer { error, error_description: &why.text() });
    response.headers_mut().insert(ORGPASS_ERROR, HeaderValue::from_static(why.code().as_str()));
    response
}
