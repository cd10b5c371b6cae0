//! What of a call goes to the Pub/Sub API: the caller's own metadata, and beside it what names the connection's org.

use http::header::TE;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::{ACCESSTOKEN, TENANTID};
use crate::proxy::policy;
use crate::salesforce::hosts::PubSubUrl;
use crate::salesforce::pubsub;
use crate::token::Session;
use crate::traces::context::TRACEPARENT;
use crate::transport::RequestBody;

const INSTANCEURL: HeaderName = HeaderName::from_static("instanceurl");

/// What of a call goes on, whichever session it goes with.
pub(super) struct Outgoing {
    target: Uri,
    headers: HeaderMap,
    /// The caller's word for the org, if it can be one.
    tenant_id: Option<HeaderValue>,
    /// Whether one message answers it.
    pub(super) answers_once: bool,
}

impl Outgoing {
    /// A call to `host` with these parts of its request.
    pub(super) fn new(host: &PubSubUrl, uri: &Uri, mut headers: HeaderMap, tenant_id: Option<HeaderValue>) -> Self {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if host.is_https() { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(Authority::try_from(host.authority()).expect("a parsed host is an authority"));
        parts.path_and_query = Some(policy::outgoing_path(uri));
        let target = Uri::from_parts(parts).expect("scheme, authority and path are a URL");
        let tenant_id = tenant_id.filter(|id| is_org_id(id.as_bytes()));
        Self { answers_once: pubsub::answers_once(uri.path()), target, headers, tenant_id }
    }

    /// Sends a `traceparent` with the call from here on.
    pub(super) fn carry(&mut self, context: HeaderValue) {
        self.headers.insert(TRACEPARENT, context);
    }

    /// The call with `session`.
    pub(super) fn request(&self, session: &Session, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers.insert(ACCESSTOKEN, session.bare.clone());
        let url = session.instance.url().to_string();
        headers.insert(INSTANCEURL, HeaderValue::try_from(url).expect("a parsed URL is a header value"));
        if let Some(id) = self.tenant_id(session) {
            headers.insert(TENANTID, id);
        }
        request
    }

    /// The org's id: as the record knows it, as opaque tokens begin with it, or else as the caller says.
    fn tenant_id(&self, session: &Session) -> Option<HeaderValue> {
        let known = session.org_id.as_deref().map(str::as_bytes);
        let of_token = || {
            let token = session.bare.as_bytes();
            memchr::memchr(b'!', token).map(|end| &token[..end])
        };
        let id = known.or_else(of_token).filter(|id| is_org_id(id));
        id.and_then(|id| HeaderValue::from_bytes(id).ok()).or_else(|| self.tenant_id.clone())
    }
}

fn is_org_id(id: &[u8]) -> bool {
    [15, 18].contains(&id.len()) && id.starts_with(b"00D") && id.iter().all(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_org_is_taken_for_one() {
        for (text, is) in [
            ("00Dxx0000001gPL", true),
            ("00Dxx0000001gPLEAY", true),
            ("00Dxx0000001gPLE", false),
            ("005xx0000001gPLEAY", false),
            ("00Dxx0000001gPL-AY", false),
            ("", false),
        ] {
            assert_eq!(is_org_id(text.as_bytes()), is, "{text}");
        }
    }

    #[test]
    fn the_path_goes_to_the_apis_own_host() {
        let uri = "http://127.0.0.1:8180/eventbus.v1.PubSub/Publish".parse().unwrap();
        let call = Outgoing::new(&PubSubUrl::default(), &uri, HeaderMap::new(), Some(HeaderValue::from_static("acme")));
        assert_eq!(call.target, "https://api.pubsub.salesforce.com:7443/eventbus.v1.PubSub/Publish");
        assert_eq!((call.answers_once, call.tenant_id), (true, None));
    }
}
