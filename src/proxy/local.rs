//! What the proxy answers itself, in Salesforce's place: logins of clients that insist on logging in, revocations and
//! logouts, and the authorizations of Heroku AppLink. What they are given is the local token, so a password proves
//! nothing here and none is checked: whoever reaches the proxy may name any tenant anyway.

mod applink;
mod names;
mod oauth;
mod soap;

use std::mem;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;

use super::body::Body;
use super::error::{ProxyError, RequestFault};
use super::source::Source;
use super::{OverTls, Proxy, Refusal};
use crate::connection::{ConnectionKey, LocalToken, UNKNOWN_ORG};
use crate::salesforce::ApiFamily;
use crate::salesforce::api_families::LocalAnswer;

pub use names::Names;

/// A login form has a few hundred bytes; an assertion in it some thousand.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// A caller that begins a form sends all of it at once; one that does not must not keep its permit.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Stands for the user's id while it is not known.
const UNKNOWN_USER: &str = "005000000000000";

/// Who logged in, as clients are told.
struct LoggedIn {
    /// The token that they take for an access token.
    token: String,
    /// Where they are to call: this proxy, as they name it.
    base: String,
    org_id: String,
    user_id: String,
}

/// Answers what is not relayed. `path` is the judged one.
pub(super) async fn answer(
    proxy: &Proxy,
    what: LocalAnswer,
    path: &str,
    head: &Parts,
    body: &mut Source,
) -> Result<Response<Body>, Refusal> {
    let settings = &proxy.settings;
    match what {
        LocalAnswer::Token if settings.logins.is_empty() => {
            Err(ProxyError::from(super::error::PathFault::Logins).into())
        }
        LocalAnswer::Token => Ok(oauth::token(proxy, head, mem::take(body)).await),
        LocalAnswer::Revoke => Ok(oauth::revoke(head, mem::take(body)).await),
        LocalAnswer::AppLink => Ok(applink::authorization(proxy, head, path).await?),
    }
}

pub(super) use soap::{login, logout};

impl Proxy {
    /// Logs in to a connection: only if it works, since a client that was given a token for a dead one would log in again
    /// without end.
    async fn log_in(&self, head: &Parts, key: &ConnectionKey) -> Result<LoggedIn, ProxyError> {
        let slot = self.tokens.slot(key.as_ref())?;
        let session = self.tokens.current(&slot, ApiFamily::Rest, None).await?;
        let org_id = session.org_id.as_deref().unwrap_or(UNKNOWN_ORG);
        Ok(LoggedIn {
            token: LocalToken::format(org_id, key),
            base: base(head),
            org_id: org_id.to_owned(),
            user_id: session.user_id.as_deref().unwrap_or(UNKNOWN_USER).to_owned(),
        })
    }
}

/// The proxy's own URL, as the caller named it. The guard has let only names of this machine through.
pub(super) fn base(head: &Parts) -> String {
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let scheme = if head.extensions.get::<OverTls>().is_some() { "https" } else { "http" };
    format!("{scheme}://{host}")
}

async fn whole(body: Source) -> Result<Bytes, ProxyError> {
    let reading = Limited::new(body, MAX_BODY_BYTES).collect();
    let collected = tokio::time::timeout(BODY_TIMEOUT, reading).await.map_err(|_| RequestFault::Body)?;
    Ok(collected.map_err(|_| RequestFault::Body)?.to_bytes())
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(body).expect("these documents are always JSON");
    reply(status, HeaderValue::from_static("application/json;charset=UTF-8"), bytes.into())
}

fn reply(status: StatusCode, kind: HeaderValue, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::own(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
