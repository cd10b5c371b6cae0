//! As [`authenticate`](crate::proxy::authenticate) does for the org: sends the call until its target accepts the token. A
//! token of Data Cloud's own may die alone, or with the session that earned it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, Response};

use super::Away;
use crate::proxy::Proxy;
use crate::proxy::authenticate::{Answered, MAX_SENDS, REPLAY, inspect};
use crate::proxy::body::Body;
use crate::proxy::error::{ProxyError, TargetFault};
use crate::proxy::forward::{Outgoing, forward};
use crate::proxy::observe::{Observation, Replay};
use crate::proxy::replay_body::ReplayBody;
use crate::salesforce::{ErrorCode, Target};
use crate::token::{DataCloudError, Session, Slot, TokenError};

/// Names the business unit of an Account Engagement call.
const BUSINESS_UNIT: HeaderName = HeaderName::from_static("pardot-business-unit-id");
/// How often a call looks for a token to go with: for each send, and for two sessions of the org that prove dead before
/// anything is sent.
const MAX_ROUNDS: u32 = MAX_SENDS + 2;

/// Sends a call to its target.
pub async fn send(
    proxy: &Proxy,
    slot: &Arc<Slot>,
    target: Target,
    call: &mut Outgoing,
    body: &ReplayBody,
    seen: &mut Observation,
) -> Result<Response<Body>, ProxyError> {
    if target == Target::AccountEngagement && call.headers().get(BUSINESS_UNIT).is_none_or(HeaderValue::is_empty) {
        return Err(ProxyError::Target(TargetFault::BusinessUnit));
    }
    let mut session = proxy.tokens.current(slot, call.family).await?;
    let mut sends = 0;
    for _ in 0..MAX_ROUNDS {
        call.away = Some(match aim(proxy, target, &session).await {
            Ok(away) => away,
            Err(Unaimed::Dead { code, asked }) => {
                session = proxy.tokens.next(slot, &session, call.family, code, asked).await?;
                continue;
            }
            Err(Unaimed::Refused(error)) => return Err(error),
        });
        sends += 1;
        let sent = proxy.tokens.clock().now();
        let mut timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        let answer = forward(&proxy.transport, proxy.worker, call, &session, body, &mut timer).await;
        seen.add_upstream(proxy.tokens.clock().now().saturating_duration_since(sent));
        let dead = match inspect(proxy, slot, call, body, &session, answer?, timer).await? {
            Answered::Live(mut response) => {
                if sends > 1 {
                    seen.set_replay(Replay::Done);
                    response.headers_mut().insert(REPLAY, HeaderValue::from_static("done"));
                }
                return Ok(response);
            }
            Answered::Dead(code) => code,
        };
        let is_last = !body.can_be_sent_again() || sends == MAX_SENDS;
        let next = after_refusal(proxy, slot, call, &session, dead, sent, is_last).await;
        if is_last {
            seen.set_replay(Replay::NotPossible);
            next?;
            return Err(ProxyError::ReplayNotPossible);
        }
        session = next.inspect_err(|_| seen.set_replay(Replay::NoToken))?;
    }
    seen.set_replay(Replay::NotPossible);
    Err(ProxyError::ReplayNotPossible)
}

/// Why there is nowhere to send a call with a session.
enum Unaimed {
    /// The org no longer accepts the session.
    Dead { code: Option<ErrorCode>, asked: Instant },
    /// The call cannot be made.
    Refused(ProxyError),
}

async fn aim(proxy: &Proxy, target: Target, session: &Arc<Session>) -> Result<Away, Unaimed> {
    if target == Target::Platform && !session.is_jwt() {
        return Err(Unaimed::Refused(ProxyError::Target(TargetFault::TokenForm)));
    }
    match proxy.targets.host(target, session) {
        Some(instance) => Ok(Away::Host(instance)),
        None => match proxy.tokens.data_cloud(session).await {
            Ok(own) => Ok(Away::DataCloud(own)),
            Err(DataCloudError::DeadSession { code, asked }) => Err(Unaimed::Dead { code, asked }),
            Err(error) => Err(Unaimed::Refused(error.into())),
        },
    }
}

/// The session to go on with after a refusal. The last time nobody waits for it: it is for the caller's next try.
async fn after_refusal(
    proxy: &Proxy,
    slot: &Arc<Slot>,
    call: &Outgoing,
    session: &Arc<Session>,
    code: Option<ErrorCode>,
    sent: Instant,
    is_last: bool,
) -> Result<Arc<Session>, TokenError> {
    let (tokens, family) = (&proxy.tokens, call.family);
    match &call.away {
        Some(Away::DataCloud(own)) => tokens.after_data_cloud_refusal(slot, session, own, code, sent).await,
        _ if is_last => tokens.prepare_next(slot, session, family, code, sent).map(|()| Arc::clone(session)),
        _ => tokens.next(slot, session, family, code, sent).await,
    }
}
