//! Who calls the API, and about which connection: what every route takes from the head of a request.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::Problem;
use crate::connection::{ConnectionKey, parse_name};
use crate::hub::{ApiToken, Hub};
use crate::management::Actor;

/// A user of the API.
pub(super) struct Caller(pub(super) ApiToken);

/// A user of the API and the connection that the path names, which it may see and change.
pub(super) struct About {
    pub(super) key: ConnectionKey,
    pub(super) actor: Actor,
}

/// A tenant that the path names, and its user.
pub(super) struct AboutTenant {
    pub(super) tenant: String,
    pub(super) actor: Actor,
}

/// A bounded body.
pub(super) struct Body(pub(super) Bytes);

/// A query that is checked.
pub(super) struct Asked<T>(pub(super) T);

/// The token of a request, if there is one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl FromRequestParts<Arc<Hub>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Problem> {
        let Some(tokens) = &hub.tokens else {
            return Err(Problem::unauthorized("Nobody may use the API before hub.api_tokens_file is configured."));
        };
        let token = bearer(&parts.headers)
            .ok_or_else(|| Problem::unauthorized("Send Authorization: Bearer and a token of hub.api_tokens_file."))?;
        tokens.find(token).map(Self).ok_or_else(|| Problem::unauthorized("The token is not known."))
    }
}

impl FromRequestParts<Arc<Hub>> for About {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Problem> {
        let Caller(token) = Caller::from_request_parts(parts, hub).await?;
        let names = names(parts).await?;
        let tenant = named(&names, "tenant")?;
        let user = names.contains_key("user").then(|| named(&names, "user")).transpose()?;
        if !token.covers(tenant) {
            return Err(Problem::forbidden());
        }
        let key = ConnectionKey::parse(tenant, user).map_err(|error| Problem::unreadable(error.to_string()))?;
        Ok(Self { key, actor: Actor::Api(token.name) })
    }
}

impl FromRequestParts<Arc<Hub>> for AboutTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Problem> {
        let About { key, actor } = About::from_request_parts(parts, hub).await?;
        Ok(Self { tenant: key.tenant().to_owned(), actor })
    }
}

impl FromRequest<Arc<Hub>> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, hub: &Arc<Hub>) -> Result<Self, Problem> {
        match Bytes::from_request(request, hub).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_))) => {
                Err(Problem::too_large())
            }
            Err(_) => Err(Problem::unreadable("The body broke off.")),
        }
    }
}

impl<T: DeserializeOwned> FromRequestParts<Arc<Hub>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Problem> {
        let asked = Query::<T>::from_request_parts(parts, hub).await;
        asked.map(|Query(asked)| Self(asked)).map_err(|error: QueryRejection| Problem::unreadable(error.body_text()))
    }
}

async fn names(parts: &mut Parts) -> Result<HashMap<String, String>, Problem> {
    let names = Path::<HashMap<String, String>>::from_request_parts(parts, &()).await;
    names.map(|Path(names)| names).map_err(|error| Problem::unreadable(error.body_text()))
}

fn named<'a>(names: &'a HashMap<String, String>, what: &str) -> Result<&'a str, Problem> {
    let name = names.get(what).map(String::as_str).unwrap_or_default();
    parse_name(name.as_bytes()).map_err(|error| Problem::unreadable(format!("The {what} {error}.")))
}
