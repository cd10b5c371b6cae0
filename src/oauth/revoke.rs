//! Revocation: ends an authorization at Salesforce.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use url::form_urlencoded;

use super::ExchangeError;
use crate::salesforce::token_errors::TokenFailure;
use crate::secret::Secret;
use crate::transport::OneShot;

/// Revokes a refresh token with the sessions under it, or an access token. A token that is dead already counts as
/// revoked: Salesforce answers 400 `invalid_token` for it (RFC 7009 would say 200).
pub async fn revoke(token: &Secret<String>, connection: OneShot) -> Result<(), ExchangeError> {
    let form: String = form_urlencoded::Serializer::new(String::new()).append_pair("token", token.expose()).finish();
    let mut request = Request::new(Full::new(Bytes::from(form)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static("/services/oauth2/revoke");
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let answer = connection.send(request).await.map_err(|error| ExchangeError::Lost(error.to_string()))?;
    match answer.status {
        StatusCode::OK | StatusCode::BAD_REQUEST => Ok(()),
        status => {
            let content_type = answer.content_type.as_ref().map(HeaderValue::as_bytes);
            Err(ExchangeError::Answered(TokenFailure::parse(status.as_u16(), content_type, &answer.body)))
        }
    }
}
