//! Which connection a request means. Takes every tag and every credential of the caller's out of the request, so that
//! nothing of them goes on, and refuses what is missing, doubled, malformed or contradictory.

mod query;
#[cfg(test)]
mod tests;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::error::{Place, ProxyError, TagFault};
use crate::connection::{ConnectionKey, KeyRef, LocalToken, LocalTokenError, parse_name};
use crate::salesforce::ApiFamily;

const X_SFDC_SESSION: HeaderName = HeaderName::from_static("x-sfdc-session");
const ACCESSTOKEN: HeaderName = HeaderName::from_static("accesstoken");

/// The names of the tag headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagNames {
    /// Names the tenant; `Orgpass-Tenant` by default.
    pub tenant: HeaderName,
    /// Names the user of a user connection; `Orgpass-User` by default.
    pub user: HeaderName,
    /// Asserts which kind of connection is meant; `Orgpass-Credential` by default.
    pub credential: HeaderName,
}

impl Default for TagNames {
    fn default() -> Self {
        Self {
            tenant: HeaderName::from_static("orgpass-tenant"),
            user: HeaderName::from_static("orgpass-user"),
            credential: HeaderName::from_static("orgpass-credential"),
        }
    }
}

/// The connection that a request means.
#[derive(Clone, Debug)]
pub struct Identity(Source);

/// Header tags are kept as they came, so that naming a connection costs no allocation.
#[derive(Clone, Debug)]
enum Source {
    Headers { tenant: HeaderValue, user: Option<HeaderValue> },
    LocalToken(ConnectionKey),
}

impl Identity {
    /// The connection's key.
    pub fn key(&self) -> KeyRef<'_> {
        match &self.0 {
            Source::Headers { tenant, user } => {
                KeyRef::parse(tenant.as_bytes(), user.as_ref().map(HeaderValue::as_bytes))
                    .expect("the names were checked when the identity was made")
            }
            Source::LocalToken(key) => key.as_ref(),
        }
    }

    fn means_installation(&self) -> bool {
        match &self.0 {
            Source::Headers { user, .. } => user.is_none(),
            Source::LocalToken(key) => key.user().is_none(),
        }
    }
}

/// Finds the connection and removes all tags and credentials from the request's headers and query. With
/// `needs_assertion`, header tags that mean the installation connection must say so; a local token without a user was
/// made for it and says so by itself. `session_id` is the credential of a SOAP envelope.
pub fn identify(
    parts: &mut Parts,
    names: &TagNames,
    family: ApiFamily,
    needs_assertion: bool,
    session_id: Option<&str>,
) -> Result<Identity, ProxyError> {
    let [tenant, user, assertion, authorization, session, token] = take_each(
        &mut parts.headers,
        [&names.tenant, &names.user, &names.credential, &AUTHORIZATION, &X_SFDC_SESSION, &ACCESSTOKEN],
    )?;
    let tags = header_tags(tenant, user, names)?;
    let assertion = Assertion::parse(assertion, names)?;
    let mut claims = Claims { identity: tags.map(Identity), ..Claims::default() };
    for (name, value) in [(AUTHORIZATION, authorization), (X_SFDC_SESSION, session), (ACCESSTOKEN, token)] {
        if let Some(value) = value {
            claims.add(credential(&name, &value), Place::Header(name), MayIdentify::Yes)?;
        }
    }
    if let Some(id) = session_id {
        claims.add(LocalToken::parse(id.as_bytes()), Place::SoapHeader, MayIdentify::Yes)?;
    }
    let in_query = match family {
        ApiFamily::Identity if parts.method == Method::GET && is_identity_url(parts.uri.path()) => MayIdentify::Yes,
        _ => MayIdentify::No,
    };
    if let Some(rest) = query::take_credentials(&parts.uri, |name, value| {
        let names_caller = if name == query::OAUTH_TOKEN { in_query } else { MayIdentify::No };
        claims.add(value, Place::Parameter(name), names_caller)
    })? {
        parts.uri = rest;
    }
    let identity = claims.settle(names)?;
    assertion.check(&identity, names, needs_assertion)?;
    Ok(identity)
}

fn header_tags(
    tenant: Option<HeaderValue>,
    user: Option<HeaderValue>,
    names: &TagNames,
) -> Result<Option<Source>, TagFault> {
    for (header, value) in [(&names.tenant, tenant.as_ref()), (&names.user, user.as_ref())] {
        if let Some(value) = value {
            parse_name(value.as_bytes()).map_err(|error| TagFault::Name(header.clone(), error))?;
        }
    }
    match (tenant, user) {
        (Some(tenant), user) => Ok(Some(Source::Headers { tenant, user })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(TagFault::UserWithoutTenant { tenant: names.tenant.clone(), user: names.user.clone() }),
    }
}

/// What the caller says about which kind of connection it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Assertion {
    User,
    Installation,
    Nothing,
}

impl Assertion {
    fn parse(value: Option<HeaderValue>, names: &TagNames) -> Result<Self, TagFault> {
        match value.as_ref().map(HeaderValue::as_bytes) {
            None => Ok(Self::Nothing),
            Some(b"user") => Ok(Self::User),
            Some(b"installation") => Ok(Self::Installation),
            Some(_) => Err(TagFault::Assertion(names.credential.clone())),
        }
    }

    fn check(self, identity: &Identity, names: &TagNames, needs_assertion: bool) -> Result<(), TagFault> {
        let means_installation = identity.means_installation();
        let by_headers = matches!(identity.0, Source::Headers { .. });
        match self {
            Self::User if means_installation => Err(TagFault::AssertionUnfulfilled(names.credential.clone())),
            Self::Installation if !means_installation => Err(TagFault::AssertionUnfulfilled(names.credential.clone())),
            Self::Nothing if needs_assertion && means_installation && by_headers => {
                Err(TagFault::AssertionMissing(names.credential.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a credential in this place may name the caller, or only agree with what does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MayIdentify {
    Yes,
    No,
}

/// What the request has said so far about who is calling.
#[derive(Debug, Default)]
struct Claims {
    identity: Option<Identity>,
    /// A local token in a place that may not identify; it must agree with one that may.
    unproven: Option<ConnectionKey>,
    /// The first credential that is not ours.
    foreign: Option<Place>,
}

impl Claims {
    fn add(
        &mut self,
        credential: Result<LocalToken, LocalTokenError>,
        place: Place,
        may: MayIdentify,
    ) -> Result<(), TagFault> {
        let key = match credential {
            Ok(token) => token.key,
            Err(LocalTokenError::Foreign) => {
                self.foreign.get_or_insert(place);
                return Ok(());
            }
            Err(error) => return Err(TagFault::LocalToken(place, error)),
        };
        let known = self.identity.as_ref().map(Identity::key).or(self.unproven.as_ref().map(ConnectionKey::as_ref));
        if known.is_some_and(|known| known != key.as_ref()) {
            return Err(TagFault::Contradictory);
        }
        match (may, &self.identity) {
            (_, Some(_)) => {}
            (MayIdentify::Yes, None) => self.identity = Some(Identity(Source::LocalToken(key))),
            (MayIdentify::No, None) => self.unproven = Some(key),
        }
        Ok(())
    }

    fn settle(self, names: &TagNames) -> Result<Identity, ProxyError> {
        match self {
            Self { identity: Some(identity), .. } => Ok(identity),
            Self { unproven: Some(_), .. } => Err(TagFault::InUrl.into()),
            Self { foreign: Some(place), .. } => Err(TagFault::Foreign(place).into()),
            _ => Err(ProxyError::MissingTenant { header: names.tenant.clone() }),
        }
    }
}

/// Takes out the one value of each of these headers. Most of them are not there, and one look at every header costs
/// less than a search for each.
fn take_each<const N: usize>(
    headers: &mut HeaderMap,
    names: [&HeaderName; N],
) -> Result<[Option<HeaderValue>; N], TagFault> {
    let mut found = [0; N];
    for (name, _) in headers.iter() {
        if let Some(at) = names.iter().position(|known| *known == name) {
            found[at] += 1;
        }
    }
    let mut taken = [const { None }; N];
    for ((value, name), found) in taken.iter_mut().zip(names).zip(found) {
        match found {
            0 => {}
            1 => *value = headers.remove(name),
            _ => return Err(TagFault::Repeated(Place::Header(name.clone()))),
        }
    }
    Ok(taken)
}

fn credential(name: &HeaderName, value: &HeaderValue) -> Result<LocalToken, LocalTokenError> {
    let bytes = value.as_bytes();
    if *name != AUTHORIZATION {
        return LocalToken::parse(bytes);
    }
    let end = memchr::memchr(b' ', bytes).ok_or(LocalTokenError::Foreign)?;
    let (scheme, token) = (&bytes[..end], bytes[end..].trim_ascii());
    // `OAuth` is what older clients write for `Bearer`; schemes have no case.
    if scheme.eq_ignore_ascii_case(b"Bearer") || scheme.eq_ignore_ascii_case(b"OAuth") {
        LocalToken::parse(token)
    } else {
        Err(LocalTokenError::Foreign)
    }
}

/// Whether the raw path is an identity URL; the other path of its family, userinfo, takes no token in the query.
fn is_identity_url(path: &str) -> bool {
    path.trim_start_matches('/').get(..3).is_some_and(|start| start.eq_ignore_ascii_case("id/"))
}

impl From<TagFault> for ProxyError {
    fn from(fault: TagFault) -> Self {
        Self::InvalidTag(fault)
    }
}
