//! The JWT bearer grant: a session for a user, earned by an assertion that the app's private key signs. The answer has no
//! refresh token, and as a rule neither signature nor time of issue. A `scope` is refused, so none is asked for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use oauth2::AsyncHttpClient;
use serde::Serialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::wire::{Parsed, Wire, WireError, no_token_response};
use super::{App, Credentials, ExchangeError, TokenResponse};
use crate::salesforce::hosts::LoginUrl;
use crate::salesforce::token_errors::TokenFailure;
use crate::transport::OneShot;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const HEADER: &str = r#"{"alg":"RS256","typ":"JWT"}"#;
/// How long an assertion is good for: what every reading of Salesforce's documentation allows.
const LIFE: Duration = Duration::from_secs(3 * 60);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
}

/// Earns an access token for a user by an assertion.
pub(super) async fn exchange(
    app: &App,
    credentials: &Credentials,
    login: &LoginUrl,
    username: &str,
    connection: OneShot,
) -> Result<TokenResponse, ExchangeError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let assertion = assertion(app, credentials, login, username, now)?;
    let form: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", GRANT_TYPE)
        .append_pair("assertion", &assertion)
        .finish();
    let mut request = Request::new(form.into_bytes());
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let wire = Wire::new(connection, TokenFailure::parse_without_refresh_token);
    let answer = wire.call(request).await.map_err(|WireError(error)| error)?;
    let body = Zeroizing::new(answer.into_body());
    let parsed: Parsed = serde_json::from_slice(&body).map_err(|_| no_token_response())?;
    Ok(parsed.into())
}

/// The signed assertion. `now` is the time since 1970 by this machine's clock, which Salesforce compares with its own.
fn assertion(
    app: &App,
    credentials: &Credentials,
    login: &LoginUrl,
    username: &str,
    now: Duration,
) -> Result<Zeroizing<String>, ExchangeError> {
    let failed = |what: &str| ExchangeError::NotSent(format!("the assertion could not be {what}"));
    let audience = app.audience.as_ref().map_or_else(|| login.audience(), |audience| audience.as_str());
    let claims = Claims { iss: &app.client_id, sub: username, aud: audience, exp: (now + LIFE).as_secs() };
    let claims = serde_json::to_vec(&claims).map_err(|_| failed("written"))?;
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims));
    let key = credentials.signing_key.as_ref().ok_or_else(|| failed("signed: there is no key"))?;
    let signature = key.sign(&text).ok_or_else(|| failed("signed"))?;
    Ok(Zeroizing::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
}
