//! Step 8, authenticate: puts the connection's token in, and when Salesforce says that the session is dead, gets the
//! next generation and sends the call again. A call is sent at most three times: with the session in memory, with a
//! newer one found in the store, and with one exchanged because of it. A dead session's answer never reaches a caller.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, Version};
use hyper::body::Body as HttpBody;

use super::body::{Body, OrgBody};
use super::error::ProxyError;
use super::forward::{Answer, Outgoing, forward};
use super::observe::{Observation, Replay};
use super::peek::{judge, peek};
use super::replay_body::ReplayBody;
use super::{Proxy, own_urls, sanitize, target};
use crate::salesforce::{ErrorCode, Target, Verdict};
use crate::token::{DataCloudSession, RefusedSession, Session, Slot};

/// How often a call is sent at most.
pub const MAX_SENDS: u32 = 3;

/// `Orgpass-Replay` says what came of a dead session, when it mattered.
pub const REPLAY: HeaderName = HeaderName::from_static("orgpass-replay");

/// What an answer turned out to be.
enum Answered {
    /// The org's answer, for the caller.
    Live(Response<Body>),
    /// The session is dead; Salesforce's code for it, where the answer has one.
    Dead(Option<ErrorCode>),
}

/// Sends the call until the org, or the target that it is for, accepts its token.
pub async fn authenticate(
    proxy: &Proxy,
    slot: &Arc<Slot>,
    target: Option<Target>,
    call: &mut Outgoing,
    body: &ReplayBody,
    seen: &mut Observation,
) -> Result<Response<Body>, ProxyError> {
    if let Some(target) = target {
        target::check(target, call.headers())?;
    }
    let mut session = proxy.tokens.current(slot, call.family, seen.wait()).await?;
    for sends in 1..=MAX_SENDS {
        if let Some(target) = target {
            // Boxed, like all that few calls need, so that the others have no room for it.
            session = Box::pin(target::aim(proxy, slot, target, session, call, seen)).await?;
        }
        let sent = proxy.tokens.clock().now();
        if let Some(context) = seen.begin_sending(session.generation, call.instance(&session).url()) {
            call.carry(context);
        }
        let answer = forward(&proxy.transport, proxy.worker, call, &session, body).await;
        let answered = proxy.tokens.clock().now();
        seen.end_sending(answered.saturating_duration_since(sent), answer.as_ref().map(|answer| &answer.response));
        let code = match inspect(proxy, slot, call, body, &session, answer?, answered).await? {
            Answered::Live(mut response) => {
                if sends > 1 {
                    seen.set_replay(Replay::Done);
                    response.headers_mut().insert(REPLAY, HeaderValue::from_static("done"));
                }
                return Ok(response);
            }
            Answered::Dead(code) => code,
        };
        let refused = RefusedSession { slot, session: &session, family: call.family, code, sent };
        let failed = |error| ProxyError::after_refusal(target, error);
        if !body.can_be_sent_again() || sends == MAX_SENDS {
            seen.set_replay(Replay::NotPossible);
            call.prepare_next_session(&proxy.tokens, &refused).map_err(failed)?;
            return Err(ProxyError::ReplayNotPossible);
        }
        let next = call.next_session(&proxy.tokens, &refused, seen.wait()).await;
        session = next.map_err(|error| {
            seen.set_replay(Replay::NoToken);
            failed(error)
        })?;
        if let Some(answer) = call.batch.as_ref().and_then(|batch| batch.answer_after_dead_session()) {
            return Ok(answer);
        }
    }
    Err(ProxyError::ReplayNotPossible)
}

/// Looks at an answer as far as its family's table asks for, and makes the caller's response of it.
async fn inspect(
    proxy: &Proxy,
    slot: &Arc<Slot>,
    call: &Outgoing,
    body: &ReplayBody,
    session: &Session,
    answer: Answer,
    answered: Instant,
) -> Result<Answered, ProxyError> {
    let Answer { response, timer } = answer;
    let (mut head, mut rest) = response.into_parts();
    // Of HTTP/1.0 a caller could not tell that its answer broke off here.
    head.version = Version::HTTP_11;
    let token = call.data_cloud().map_or(session.token(), DataCloudSession::token).expose().as_bytes();
    let (mut peeked, mut shows_acceptance) = (None, shows_acceptance(head.status));
    if call.family.peeks_at(head.status.as_u16()) {
        // Without a body nothing tells a dead session from another refusal; that the next is refused too, tells.
        if call.is_head() && head.status == StatusCode::UNAUTHORIZED {
            return Ok(Answered::Dead(None));
        }
        let seen = peek(call.family, &head.headers, &mut rest).await?;
        if let Verdict::Dead { code } = judge(call.family, head.status.as_u16(), &head.headers, &seen) {
            return Ok(Answered::Dead(Some(code)));
        }
        if sanitize::contains_token(&seen.plain, token) {
            return Err(ProxyError::ResponseWithheld);
        }
        if let Some(batch) = &call.batch {
            let (host, is_secret) =
                (call.instance(session).host(), |text: &[u8]| sanitize::contains_token(text, token));
            shows_acceptance &= batch.learn(host, &head.headers, &seen.plain, is_secret);
        }
        peeked = Some(seen.raw).filter(|raw: &Bytes| !raw.is_empty());
    }
    if shows_acceptance {
        call.note_accepted(&proxy.tokens, slot, session, answered);
    }
    body.forget();
    let is_settled = !rest.is_end_stream() || sanitize::settle_length(&mut head.headers);
    if !is_settled || head.status.is_informational() {
        // Lengths that differ, or another protocol that nobody has asked for.
        return Err(ProxyError::UpstreamUnreachable);
    }
    sanitize::response(&mut head.headers, call.instance(session).url());
    if sanitize::carries_token(&head.headers, token) {
        return Err(ProxyError::ResponseWithheld);
    }
    let pause_limit = call.family.row().body_idle_timeout;
    let mut body = OrgBody { peeked, rest, timer, pause_limit, pausing: false };
    if let Some(own_url) = &call.own_url {
        own_urls::map(&mut head, &mut body, session.instance.url(), own_url).await?;
    }
    Ok(Answered::Live(Response::from_parts(head, Body::org(body))))
}

/// Whether an answer shows that the org accepted the token: trouble of the server, or a 401 about something else than
/// the session, shows nothing.
fn shows_acceptance(status: StatusCode) -> bool {
    status.as_u16() < 500 && status != StatusCode::UNAUTHORIZED && status.as_u16() != 420
}
