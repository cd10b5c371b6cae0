//! The Pub/Sub API: gRPC at an address of its own for all orgs, always over TLS and HTTP/2. Who calls is in three
//! entries of metadata, which must fit each other: `accesstoken`, `instanceurl` and `tenantid`. An error is a status
//! in the trailers with Salesforce's own code beside it; a stream ends with one as soon as its session is dead.

mod avro;
mod faulty;
mod framing;
mod publish;
mod reply;
mod status;
mod subscribe;
mod topics;

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::call::Call;
use crate::clock::Millis;
use crate::dead_session::ApiFamily;
use crate::doors::Site;
use crate::eventbus::{Message, SERVICE};
use crate::ids;
use crate::service::Cut;
use crate::state::sessions::Admission;
use crate::state::{Shared, World};
use crate::upload::Upload;
use faulty::Left;
use framing::Messages;
use reply::Reply;
use status::{End, Status};

pub(crate) use faulty::Ending;

/// A call whose caller is known.
struct Rpc {
    call: Call,
    id: String,
    org_id: String,
    user_id: String,
    token: String,
}

/// Serves one call. An error resets its stream.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    ending: Ending,
) -> Result<Response<Reply>, Cut> {
    let (parts, incoming) = request.into_parts();
    let tenant = parts.headers.get("tenantid").and_then(|id| id.to_str().ok());
    let org_id = tenant.and_then(|tenant| shared.world().org_by_any_id(tenant));
    let (mut call, upload) = Call::arrived(shared, Site::PubSub { org_id }, parts, incoming);
    let is_lost = match faulty::before(&call, &ending).await? {
        Left::Processed { is_lost } => is_lost,
        Left::Answered(response) => return Ok(response),
    };
    let held = call.fault.take();
    let response = processed(call, upload).await;
    if let Some(fault) = held {
        fault.before_answering().await;
    }
    if is_lost { Err(Cut) } else { Ok(response) }
}

/// The calls in which messages come and go as they please.
enum Streamed {
    Publish,
    Subscribe,
}

async fn processed(call: Call, upload: Upload) -> Response<Reply> {
    let is_grpc = call.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("application/grpc"));
    if *call.method() != Method::POST || !is_grpc {
        call.entry.answered(StatusCode::UNSUPPORTED_MEDIA_TYPE.as_u16(), false);
        return reply::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, String::new());
    }
    let id = ids::uuid();
    let rpc = match Rpc::admitted(call, &id) {
        Ok(rpc) => rpc,
        Err(response) => return *response,
    };
    let mut messages = Messages::new(upload);
    let method = rpc.call.path().strip_prefix(&format!("/{SERVICE}/")).unwrap_or_default().to_owned();
    match method.as_str() {
        "GetTopic" => rpc.single(messages.only().await.and_then(|request| topics::topic(&rpc, &request))),
        "GetSchema" => rpc.single(messages.only().await.and_then(|request| topics::schema(&rpc, &request))),
        "Publish" => rpc.single(messages.only().await.and_then(|request| publish::publish(&rpc, &request))),
        "PublishStream" => rpc.streamed(Streamed::Publish, messages),
        "Subscribe" => rpc.streamed(Streamed::Subscribe, messages),
        _ => refused(&rpc.call, &Status::unimplemented(), &id),
    }
}

fn refused(call: &Call, status: &Status, rpc_id: &str) -> Response<Reply> {
    call.entry.answered(StatusCode::OK.as_u16(), status.is_dead_session());
    call.entry.ended(status.code, status.is_dead_session());
    reply::refusal(status.trailers(rpc_id))
}

impl Rpc {
    fn admitted(call: Call, id: &str) -> Result<Self, Box<Response<Reply>>> {
        let text = |name: &str| call.header(name).unwrap_or_default().to_owned();
        let (token, instance_url) = (text("accesstoken"), text("instanceurl"));
        let org_id = call.org_id().map(str::to_owned);
        let admission = org_id.as_ref().map_or(Admission::Dead, |org_id| {
            let now = call.shared.now();
            let mut world = call.shared.world();
            if !world.is_instance(org_id, &instance_url) {
                return Admission::Dead;
            }
            world.admit(now, Some(org_id), ApiFamily::PubSub, &token)
        });
        match admission {
            Admission::Live(user) => {
                Ok(Self { call, id: id.to_owned(), org_id: user.org_id, user_id: user.user_id, token })
            }
            refusal => {
                if refusal == Admission::Foreign {
                    call.entry.foreign_token();
                }
                Err(Box::new(refused(&call, &Status::unauthenticated(), id)))
            }
        }
    }

    fn now(&self) -> Millis {
        self.call.shared.now()
    }

    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.call.shared.world()
    }

    /// Whether the session lives, and may still be used from where it is used.
    fn check(&self) -> Result<(), Status> {
        let is_live = self.world().still_admits(self.now(), &self.org_id, ApiFamily::PubSub, &self.token);
        if is_live { Ok(()) } else { Err(Status::unauthenticated()) }
    }

    /// The answer to a call of one message.
    fn single<M: Message>(&self, answer: Result<M, Status>) -> Response<Reply> {
        match answer {
            Ok(message) => {
                let ok = Status::ok();
                self.call.entry.answered(StatusCode::OK.as_u16(), false);
                self.call.entry.ended(ok.code, false);
                reply::single(&message, ok.trailers(&self.id))
            }
            Err(status) => refused(&self.call, &status, &self.id),
        }
    }

    /// The answer to a stream of messages, made by a task of its own.
    fn streamed(self, kind: Streamed, messages: Messages) -> Response<Reply> {
        let (stream, response) = reply::stream();
        // Whoever has the head of the answer is cut by the next cut.
        let listener = self.call.shared.held.listen();
        self.call.entry.answered(StatusCode::OK.as_u16(), false);
        tokio::spawn(async move {
            let end = match kind {
                Streamed::Publish => publish::stream(&self, messages, &stream, listener).await,
                Streamed::Subscribe => subscribe::stream(&self, messages, &stream, listener).await,
            };
            match end {
                End::Status(status) => {
                    self.call.entry.ended(status.code, status.is_dead_session());
                    stream.finish(status.trailers(&self.id)).await;
                }
                End::Cut => stream.cut().await,
                End::CallerGone => {}
            }
        });
        response
    }
}
