//! Calls of gRPC, for the Pub/Sub API: the same steps as every call's, where HTTP/2, metadata and trailers make them
//! other ones. All connections share the API's one host; whose a call is, is in its metadata.

mod authenticate;
mod code;
mod outgoing;
mod refusal;
mod stream;

use http::header::{self, HOST};
use http::{HeaderMap, HeaderName, Method, Request, Response};
use hyper::body::Incoming;

use super::body::Body;
use super::error::{PathFault, ProxyError, RequestFault};
use super::observe::Observation;
use super::replay_body::ReplayBody;
use super::respond::ReplyForm;
use super::source::Source;
use super::{Proxy, Refusal, guard, policy, sanitize};
use crate::salesforce::{ApiFamily, Resource};

pub use code::GrpcCode;
pub use refusal::{CONTENT_TYPE, refusal};
pub use stream::GrpcStream;

use outgoing::Outgoing;

/// Where the token goes.
pub const ACCESSTOKEN: HeaderName = HeaderName::from_static("accesstoken");
const TENANTID: HeaderName = HeaderName::from_static("tenantid");

impl Proxy {
    /// The steps between observe and respond, for a call over HTTP/2.
    pub(super) async fn relay_grpc(
        &self,
        request: Request<Incoming>,
        seen: &mut Observation,
    ) -> Result<Response<Body>, Refusal> {
        let (mut head, body) = request.into_parts();
        // What speaks gRPC reads errors of gRPC only.
        let form = if is_grpc(&head.headers) { ReplyForm::Grpc } else { ReplyForm::default() };
        let refused = |error: ProxyError| Refusal { error, form: form.clone() };
        guard::guard_http2(&head, self.listener, &self.settings.allowed_hosts, &self.settings.tags)
            .map_err(&refused)?;
        let permit = self.admission.admit().map_err(&refused)?;
        let (_, resource) = policy::judge(head.uri.path()).map_err(&refused)?;
        let family = ApiFamily::PubSub;
        if resource != Resource::Relayed(family) {
            return Err(refused(PathFault::NeedsHttp1.into()));
        }
        seen.set_family(family);
        if head.method != Method::POST || form != ReplyForm::Grpc {
            return Err(refused(RequestFault::Grpc.into()));
        }
        let tenant_id = head.headers.get(TENANTID).cloned();
        let slot = self.connection(&mut head, family, None, permit, seen).map_err(&refused)?;
        sanitize::request(&mut head.headers);
        head.headers.remove(HOST);
        let mut call = Outgoing::new(self.transport.pub_sub().url(), &head.uri, head.headers, tenant_id);
        let body = ReplayBody::new(Source::Caller(body), &self.settings.replay, &self.replay_memory);
        authenticate::authenticate(self, &slot, &mut call, &body, seen).await.map_err(&refused)
    }
}

/// `application/grpc`, perhaps followed by `+proto` and the like, or by parameters.
fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
    value.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}
