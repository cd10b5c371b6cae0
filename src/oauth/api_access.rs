//! What a session may do, and what a login host's clock says: questions of whoever looks for what is wrong.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::DATE;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;

use super::{ExchangeError, bearer};
use crate::salesforce::ErrorCode;
use crate::salesforce::limits::LimitInfo;
use crate::secret::Secret;
use crate::transport::OneShot;

/// Old enough for every org, new enough for the resource.
const LIMITS: &str = "/services/data/v60.0/limits";

/// What the REST API says to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiAccess {
    /// It is accepted; what the org has used of its calls, if it says.
    Accepted(Option<LimitInfo>),
    /// It is refused, with Salesforce's code.
    Refused(Option<ErrorCode>),
}

/// Asks the REST API with this access token, by one request on `connection`.
pub async fn api_access(access_token: &Secret<String>, connection: OneShot) -> Result<ApiAccess, ExchangeError> {
    let answer = bearer::get(LIMITS, access_token, connection).await?;
    if answer.status == StatusCode::OK {
        let limits = answer.headers.get("sforce-limit-info").and_then(|value| LimitInfo::parse(value.as_bytes()));
        return Ok(ApiAccess::Accepted(limits));
    }
    if answer.status.is_client_error() {
        let code = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
        let code = code.as_ref().and_then(|errors| errors[0]["errorCode"].as_str());
        return Ok(ApiAccess::Refused(code.and_then(|code| ErrorCode::parse(code.as_bytes()))));
    }
    Err(ExchangeError::Lost(format!("the org answered {}", answer.status)))
}

/// What time it is at a host, if it says, to the second.
pub async fn server_time(connection: OneShot) -> Result<Option<SystemTime>, ExchangeError> {
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = Uri::from_static("/.well-known/openid-configuration");
    let answer = connection.send(request).await.map_err(|error| ExchangeError::Lost(error.to_string()))?;
    let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
    Ok(date.and_then(|date| httpdate::parse_http_date(date).ok()))
}
