//! The device flow, as Salesforce has it: other names than RFC 8628, no expiry in the answer, and both codes live for ten
//! minutes. Since September 2025 it is blocked for apps that are not installed in the org.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use serde::Deserialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::wire::{Parsed, no_token_response};
use super::{App, ExchangeError, TokenResponse};
use crate::salesforce::scopes::Scopes;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::transport::{Answer, OneShot};

/// How long both codes live.
pub const DEVICE_CODE_LIFE: Duration = Duration::from_secs(10 * 60);
const USUAL_INTERVAL: u64 = 5;

/// A flow that has begun.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// What is polled with.
    pub device_code: Secret<String>,
    /// What the person types.
    pub user_code: String,
    /// Where the person types it.
    pub verification_uri: String,
    /// The pause between polls.
    pub interval: Duration,
}

/// What a poll brought.
#[derive(Clone, Debug)]
pub enum DevicePoll {
    /// The person has not answered yet.
    Pending,
    /// The polls come too fast.
    SlowDown,
    /// The person has allowed.
    Issued(Box<TokenResponse>),
}

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: String,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// Begins a flow for an app.
pub async fn begin_device(app: &App, scopes: &Scopes, connection: OneShot) -> Result<DeviceCode, ExchangeError> {
    let scope = scopes.to_string();
    let mut fields = vec![("response_type", "device_code"), ("client_id", &app.client_id)];
    if !scopes.is_empty() {
        fields.push(("scope", &scope));
    }
    let answer = post(&fields, connection).await?;
    if answer.status != StatusCode::OK {
        return Err(refused(&answer));
    }
    let begun: Begun = serde_json::from_slice(&answer.body)
        .map_err(|_| ExchangeError::Lost("a 200 that does not begin a device flow".to_owned()))?;
    Ok(DeviceCode {
        device_code: Secret::new(begun.device_code),
        user_code: begun.user_code,
        verification_uri: begun.verification_uri,
        interval: Duration::from_secs(begun.interval.unwrap_or(USUAL_INTERVAL).clamp(1, 60)),
    })
}

/// Asks once whether the person has answered.
pub async fn poll_device(
    app: &App,
    client_secret: Option<&Secret<String>>,
    device_code: &Secret<String>,
    connection: OneShot,
) -> Result<DevicePoll, ExchangeError> {
    let mut fields =
        vec![("grant_type", "device"), ("client_id", app.client_id.as_str()), ("code", device_code.expose())];
    if let Some(secret) = client_secret {
        fields.push(("client_secret", secret.expose()));
    }
    let answer = post(&fields, connection).await?;
    if answer.status == StatusCode::OK {
        let parsed: Parsed = serde_json::from_slice(&answer.body).map_err(|_| no_token_response())?;
        return Ok(DevicePoll::Issued(Box::new(parsed.into())));
    }
    let error = serde_json::from_slice::<Refused>(&answer.body).map(|refused| refused.error).unwrap_or_default();
    match error.as_str() {
        "authorization_pending" => Ok(DevicePoll::Pending),
        "slow_down" => Ok(DevicePoll::SlowDown),
        _ => Err(refused(&answer)),
    }
}

fn refused(answer: &Answer) -> ExchangeError {
    let content_type = answer.content_type.as_ref().map(HeaderValue::as_bytes);
    ExchangeError::Answered(TokenFailure::parse_for_code(answer.status.as_u16(), content_type, &answer.body))
}

async fn post(fields: &[(&str, &str)], connection: OneShot) -> Result<Answer, ExchangeError> {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let form = Zeroizing::new(form);
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(form.as_bytes())));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static("/services/oauth2/token");
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    connection.send(request).await.map_err(|error| ExchangeError::Lost(error.to_string()))
}
