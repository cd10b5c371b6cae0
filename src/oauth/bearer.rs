//! Questions that an org answers to whoever has a session.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;

use super::ExchangeError;
use crate::secret::Secret;
use crate::transport::{Answer, OneShot};

/// Gets `path` with this access token, by one request on `connection`.
pub(super) async fn get(
    path: &'static str,
    access_token: &Secret<String>,
    connection: OneShot,
) -> Result<Answer, ExchangeError> {
    let value = zeroize::Zeroizing::new(format!("Bearer {}", access_token.expose()));
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| ExchangeError::NotSent("the stored access token is not a header value".to_owned()))?;
    value.set_sensitive(true);
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = Uri::from_static(path);
    request.headers_mut().insert(AUTHORIZATION, value);
    connection.send(request).await.map_err(|error| ExchangeError::Lost(error.to_string()))
}
