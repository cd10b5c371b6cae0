//! One request's path through the simulator: record, fault, the endpoint it is for, and the answer.

use std::sync::Arc;

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderName, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use crate::answer::{Answer, JSON};
use crate::body::Body;
use crate::call::{Call, Presented, TOKEN_PATH};
use crate::dead_session::{ApiFamily, rest_error};
use crate::doors::{Service, Site};
use crate::faults::Effect;
use crate::oauth_error::OauthError;
use crate::state::Shared;
use crate::state::exchanges::Fate;
use crate::state::orgs::{OldInstance, OrgKind};
use crate::stop::Stop;
use crate::upload::{Upload, UploadError};
use crate::wire::ResetSwitch;
use crate::{account_engagement, data_cloud, platform};
use crate::{
    approval, authorize, bulk, control, device, identity, introspect, login, openid, rest, revoke, soap, token_endpoint,
};

/// Salesforce's limit on a URI, and on URI and headers together, in bytes.
const HEAD_LIMIT: usize = 16_384;

/// The connection is closed without an answer.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

impl From<UploadError> for Cut {
    fn from(_: UploadError) -> Self {
        Self
    }
}

pub(crate) async fn serve(
    shared: Arc<Shared>,
    site: Site,
    request: Request<Incoming>,
    reset: ResetSwitch,
) -> Result<Response<Body>, Cut> {
    let (parts, incoming) = request.into_parts();
    if matches!(site, Site::Login(OrgKind::Production)) && parts.uri.path().starts_with(control::PREFIX) {
        return Ok(control::serve(&shared, &parts, incoming).await);
    }
    let (call, upload) = Call::arrived(shared, site, parts, incoming);
    let (call, answer) = if call.is_token_request() {
        // An exchange that has begun goes on when its client has gone.
        let judged = tokio::spawn(async move {
            let answer = struck(&call, upload, &reset).await;
            (call, answer)
        });
        judged.await.map_err(|_| Cut)?
    } else {
        let answer = struck(&call, upload, &reset).await;
        (call, answer)
    };
    if let Some(exchange) = call.exchange.get() {
        let effect = call.fault.as_ref().map(|fault| &fault.effect);
        let is_lost = answer.is_err() || matches!(effect, Some(Effect::TruncatedBody));
        call.shared.world().note_fate(*exchange, if is_lost { Fate::Lost } else { Fate::HandedOver });
    }
    let answer = answer?;
    call.entry.answered(answer.status(), answer.is_dead());
    Ok(answer.into_response(call.headers()))
}

/// Serves a request as the fault that strikes it demands, if any does.
async fn struck(call: &Call, upload: Upload, reset: &ResetSwitch) -> Result<Answer, Cut> {
    let Some(fault) = &call.fault else {
        return process(call, upload).await;
    };
    match fault.effect {
        Effect::DropBeforeProcessing => return Err(Cut),
        Effect::ConnectionReset => {
            reset.arm();
            return Err(Cut);
        }
        Effect::EarlyAnswer => {
            tokio::spawn(upload.drain());
            let family = call.site.family().or_else(|| ApiFamily::of(call.path()));
            let family = family.unwrap_or(ApiFamily::Rest);
            return Ok(family.dead_session(call.headers()));
        }
        _ => {}
    }
    // The token endpoint waits and refuses by itself: after it has noted which token is being used.
    if !call.is_token_request() {
        fault.before_processing().await;
        if let Some(answer) = instead(call) {
            upload.drain().await?;
            return Ok(answer);
        }
    }
    let mut answer = process(call, upload).await?;
    fault.before_answering().await;
    match fault.effect {
        Effect::LoseResponse => return Err(Cut),
        Effect::TruncatedBody => truncate(&mut answer),
        Effect::EchoTokenInHeader => {
            return Ok(answer.with(HeaderName::from_static("x-echo"), &token_of(call)));
        }
        Effect::EchoTokenInBody => {
            let echo = json!([{"message": token_of(call), "errorCode": "ECHO"}]);
            answer.replace_body(Body::full(echo.to_string()));
        }
        _ => {}
    }
    Ok(answer)
}

/// The answer that a fault puts in the place of processing.
pub(crate) fn instead(call: &Call) -> Option<Answer> {
    let status = |code: u16| StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    Some(match &call.fault.as_ref()?.effect {
        Effect::HtmlMaintenance(code) => maintenance(status(*code)),
        Effect::Status(code, body) => Answer::new(status(*code), JSON, body.clone()),
        Effect::RetryAfter(code, seconds, body) => {
            Answer::new(status(*code), JSON, body.clone()).with(RETRY_AFTER, &seconds.to_string())
        }
        Effect::TokenError(error, description) => token_endpoint::refusal(error, description),
        Effect::AlreadyBeingProcessed => OauthError::BEING_PROCESSED.into(),
        _ => return None,
    })
}

fn token_of(call: &Call) -> String {
    let carried = [call.bearer(), call.bulk_session()];
    carried
        .into_iter()
        .find_map(|presented| match presented {
            Presented::Token(token) => Some(token),
            _ => None,
        })
        .unwrap_or_default()
}

fn truncate(answer: &mut Answer) {
    if let Some(whole) = answer.whole().cloned() {
        answer.announce(whole.len());
        answer.replace_body(Body::truncated(&whole));
    }
}

fn maintenance(status: StatusCode) -> Answer {
    Answer::html(
        status,
        "<html><head><title>Maintenance</title></head><body><h1>We are down for maintenance.</h1><p>Sorry for the inconvenience. We'll be back shortly.</p></body></html>",
    )
}

async fn process(call: &Call, upload: Upload) -> Result<Answer, Cut> {
    match route(call, upload).await {
        Ok(answer) => Ok(answer),
        Err(Stop::Answer(answer)) => Ok(*answer),
        Err(Stop::Cut) => Err(Cut),
    }
}

async fn route(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    if let Some(refusal) = refuse_head(call).or_else(|| old_instance(call)) {
        upload.drain().await?;
        return Ok(refusal);
    }
    if let Site::Service(service) = &call.site {
        return match service {
            Service::DataCloud { org_id } => data_cloud::answer(call, org_id, upload).await,
            Service::AccountEngagement => account_engagement::answer(call, upload).await,
            Service::Platform => platform::answer(call, upload).await,
        };
    }
    match call.path() {
        data_cloud::TOKEN_PATH => data_cloud::exchange(call, upload).await,
        TOKEN_PATH => token_endpoint::answer(call, upload).await,
        "/services/oauth2/authorize" => authorize::answer(call, upload).await,
        "/services/oauth2/introspect" => introspect::answer(call, upload).await,
        "/services/oauth2/revoke" => revoke::answer(call, upload).await,
        login::PATH if login::is_asked(call) => login::answer(call, upload).await,
        approval::PATH => approval::answer(call, upload).await,
        device::PATH => device::answer(call, upload).await,
        "/id/keys" => {
            upload.drain().await?;
            Ok(openid::keys())
        }
        "/.well-known/openid-configuration" => {
            upload.drain().await?;
            Ok(openid::configuration(call))
        }
        path => match ApiFamily::of(path) {
            Some(ApiFamily::Identity) => {
                upload.drain().await?;
                Ok(identity::answer(call))
            }
            Some(ApiFamily::Soap) => soap::answer(call, upload).await,
            Some(family) => match call.org_id() {
                None => {
                    upload.drain().await?;
                    Ok(rest_error(
                        call.headers(),
                        StatusCode::NOT_FOUND,
                        "URL_NOT_RESET",
                        "Destination URL not reset. The URL returned from login must be set",
                    ))
                }
                Some(org_id) if family == ApiFamily::Rest => rest::answer(call, org_id, upload).await,
                Some(org_id) if family == ApiFamily::Streaming => crate::streaming::answer(call, org_id, upload).await,
                Some(org_id) => bulk::answer(call, org_id, upload).await,
            },
            None => {
                upload.drain().await?;
                Ok(Answer::html(StatusCode::NOT_FOUND, "<html><body><h1>URL No Longer Exists</h1></body></html>"))
            }
        },
    }
}

fn refuse_head(call: &Call) -> Option<Answer> {
    let (uri, headers) = call.head_size();
    let status = if call.is_absolute_form() || call.header("host").is_none() {
        StatusCode::BAD_REQUEST
    } else if uri > HEAD_LIMIT {
        StatusCode::URI_TOO_LONG
    } else if uri + headers > HEAD_LIMIT {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    } else {
        return None;
    };
    Some(Answer::html(status, format!("<html><body><h1>{status}</h1></body></html>")))
}

/// What a host that its org has left answers; `None` where the org still lives, and for what the old host
/// goes on serving.
fn old_instance(call: &Call) -> Option<Answer> {
    let Site::Org { org_id, door } = &call.site else {
        return None;
    };
    let (old, now_at) = {
        let world = call.shared.world();
        let org = world.org(org_id);
        if org.door == *door {
            return None;
        }
        (org.old_instance, org.instance_url.clone())
    };
    match old {
        OldInstance::ForgetsSessions => {
            // The streaming API says it of each message.
            let family = ApiFamily::of(call.path()).filter(|family| *family != ApiFamily::Streaming)?;
            Some(family.dead_session(call.headers()))
        }
        OldInstance::Redirects => {
            let status = match *call.method() {
                Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
                _ => StatusCode::TEMPORARY_REDIRECT,
            };
            let location = format!("{now_at}{}", call.path_and_query());
            Some(Answer::empty(status).with(LOCATION, &location))
        }
        OldInstance::NoRoute => {
            let status = StatusCode::from_u16(420).expect("420 is a status");
            Some(Answer::html(status, "<html><body><h1>No route to host</h1></body></html>"))
        }
        OldInstance::Maintenance => Some(maintenance(StatusCode::SERVICE_UNAVAILABLE)),
    }
}
