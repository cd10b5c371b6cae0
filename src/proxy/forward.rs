//! Step 9, forward: one sending of a call to its instance, up to the head of the answer.

use std::pin::Pin;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use tokio::time::{Instant, Sleep, sleep_until};

use super::error::ProxyError;
use super::replay_body::ReplayBody;
use super::soap::Envelope;
use super::streaming::Batch;
use super::target::Away;
use crate::salesforce::{ApiFamily, TokenPlace};
use crate::token::Session;
use crate::traces::context::TRACEPARENT;
use crate::transport::{Connection, DialError, RequestBody, ResponseBody, SendError, Transport};

const X_SFDC_SESSION: HeaderName = HeaderName::from_static("x-sfdc-session");

/// What of a call goes to the org, whichever session it goes with.
pub struct Outgoing {
    method: Method,
    /// Path and query, as they came.
    uri: Uri,
    /// The headers that go on.
    headers: HeaderMap,
    /// The API family, which says where the token goes and how long to wait.
    pub family: ApiFamily,
    /// The beginning of a SOAP call's body, into which the token goes.
    envelope: Option<Box<Envelope>>,
    /// The proxy's own URL, if the org's is to be replaced by it in the answer.
    pub own_url: Option<String>,
    /// The messages of a call of the streaming API.
    pub(super) batch: Option<Box<Batch>>,
    /// The host that it goes to in place of the org's own, if it is for one.
    pub(super) away: Option<Away>,
}

impl Outgoing {
    /// Whether the answer has no body that could say anything.
    pub fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}

/// An org's answer up to its head.
pub struct Answer {
    /// With its body to come.
    pub response: Response<ResponseBody>,
    /// The call's one timer, which bounded the wait for the head.
    pub timer: Pin<Box<Sleep>>,
}

/// Sends the call with `session` and waits for the head of the answer.
pub async fn forward(
    transport: &Transport,
    worker: usize,
    call: &mut Outgoing,
    session: &Session,
    body: &ReplayBody,
) -> Result<Answer, ProxyError> {
    let mut request = call.request(session, body);
    let mut connection =
        transport.connection(call.instance(session), worker).await.map_err(|error| undialled(&error))?;
    let limit = call.family.row().first_byte_timeout;
    let mut timer = Box::pin(sleep_until(Instant::now() + limit));
    loop {
        let reused = connection.is_reused();
        match wait_for_head(connection, request, body, &mut timer, limit).await {
            Ok(response) => return Ok(Answer { response, timer }),
            // An idle connection that the org had closed: nothing was sent, so a new one is no replay.
            Err(Failure::Send(SendError::Unsent(unsent))) if reused => {
                request = *unsent;
                connection = Box::pin(transport.fresh_connection(call.instance(session), worker))
                    .await
                    .map_err(|error| undialled(&error))?;
                timer.as_mut().reset(Instant::now() + limit);
            }
            Err(Failure::Send(error)) => {
                if body.caller_failed() {
                    return Err(ProxyError::InvalidRequest(super::error::RequestFault::Body));
                }
                tracing::warn!(host = call.instance(session).url().host(), %error, "the org's connection failed");
                return Err(ProxyError::UpstreamUnreachable);
            }
            Err(Failure::TimedOut) => return Err(ProxyError::UpstreamTimeout),
        }
    }
}

enum Failure {
    Send(SendError),
    TimedOut,
}

/// Waits for the head until the timer has run out, which a body that still moves towards the org puts off.
async fn wait_for_head(
    connection: Connection,
    request: Request<RequestBody>,
    body: &ReplayBody,
    timer: &mut Pin<Box<Sleep>>,
    limit: Duration,
) -> Result<Response<ResponseBody>, Failure> {
    let mut head = std::pin::pin!(connection.send(request));
    loop {
        tokio::select! {
            biased;
            sent = &mut head => return sent.map_err(Failure::Send),
            () = timer.as_mut() => {}
        }
        match body.progress().map(|at| Instant::from_std(at) + limit) {
            Some(deadline) if deadline > Instant::now() => timer.as_mut().reset(deadline),
            _ => return Err(Failure::TimedOut),
        }
    }
}

impl Outgoing {
    /// A call with these parts of its request. Its headers get a place for the token now, so that sending adds none.
    pub fn new(
        method: Method,
        uri: Uri,
        mut headers: HeaderMap,
        family: ApiFamily,
        envelope: Option<Box<Envelope>>,
        own_url: Option<String>,
    ) -> Self {
        if let Some(name) = token_header(family) {
            headers.insert(name, HeaderValue::from_static(""));
        }
        Self { method, uri, headers, family, envelope, own_url, batch: None, away: None }
    }

    /// The headers that go on, without host and token.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Sends a `traceparent` with the call from here on.
    pub fn carry(&mut self, context: HeaderValue) {
        self.headers.insert(TRACEPARENT, context);
    }

    fn request(&mut self, session: &Session, body: &ReplayBody) -> Request<RequestBody> {
        let opening = self.envelope.as_ref().map(|envelope| envelope.opened_with(session));
        let length =
            self.envelope.as_ref().zip(opening.as_ref()).and_then(|(envelope, opening)| envelope.length(opening));
        let whole = self.batch.as_ref().map(|batch| batch.bytes());
        let body = body.send(opening.or(whole));
        let is_streamed = matches!(body, RequestBody::Stream(_));
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = Version::HTTP_11;
        // The roomy map goes out, since the response's headers will be read into it; the exact copy stays.
        let copy = self.headers.clone();
        *request.headers_mut() = std::mem::replace(&mut self.headers, copy);
        let headers = request.headers_mut();
        let host = self.instance(session).host();
        headers.insert(HOST, host.clone());
        if let Some(cookies) = self.batch.as_ref().and_then(|batch| batch.cookies(host)) {
            headers.insert(COOKIE, cookies);
        }
        match self.family.row().token_place {
            TokenPlace::Authorization => drop(headers.insert(AUTHORIZATION, self.authorization(session).clone())),
            TokenPlace::XSfdcSession => drop(headers.insert(X_SFDC_SESSION, session.bare.clone())),
            TokenPlace::Metadata => drop(headers.insert(super::grpc::ACCESSTOKEN, session.bare.clone())),
            TokenPlace::SoapHeader => {}
        }
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, length);
        }
        if is_streamed && !headers.contains_key(CONTENT_LENGTH) {
            // Or the client would take it that a GET has no body.
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        request
    }
}

fn token_header(family: ApiFamily) -> Option<HeaderName> {
    match family.row().token_place {
        TokenPlace::Authorization => Some(AUTHORIZATION),
        TokenPlace::XSfdcSession => Some(X_SFDC_SESSION),
        TokenPlace::Metadata => Some(super::grpc::ACCESSTOKEN),
        TokenPlace::SoapHeader => None,
    }
}

/// What a caller is told about it.
pub fn undialled(error: &DialError) -> ProxyError {
    tracing::warn!(%error, "the org's instance was not reached");
    match error {
        DialError::TimedOut => ProxyError::UpstreamTimeout,
        DialError::Egress(error) => ProxyError::Egress((&error.fault).into()),
        _ => ProxyError::UpstreamUnreachable,
    }
}
