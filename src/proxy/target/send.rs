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
use crate::token::{DataCloudError, Session, Slot, TokenError, TokenSource};

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
    let refused = |error| ProxyError::after_refusal_of(target, error);
    let mut session = proxy.tokens.current(slot, call.family).await?;
    let mut sends = 0;
    for _ in 0..MAX_ROUNDS {
        call.away = Some(match aim(proxy, target, &session).await {
            Ok(away) => away,
            Err(Unaimed::Dead { code, asked }) => {
                session = proxy.tokens.next(slot, &session, call.family, code, asked).await.map_err(refused)?;
                continue;
            }
            Err(Unaimed::Refused(error)) => return Err(error),
        });
        sends += 1;
        let sent = proxy.tokens.clock().now();
        seen.set_generation(session.generation);
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
        let refusal = Refusal { slot, session: &session, code: dead, sent };
        if !body.can_be_sent_again() || sends == MAX_SENDS {
            seen.set_replay(Replay::NotPossible);
            refusal.prepare_next(&proxy.tokens, call).map_err(refused)?;
            return Err(ProxyError::ReplayNotPossible);
        }
        session = refusal.next(&proxy.tokens, call).await.map_err(|error| {
            seen.set_replay(Replay::NoToken);
            refused(error)
        })?;
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
    match proxy.targets.host(target, &session.instance) {
        Some(instance) => Ok(Away::Host(instance)),
        None => match proxy.tokens.data_cloud(session).await {
            Ok(own) => Ok(Away::DataCloud(own)),
            Err(DataCloudError::DeadSession { code, asked }) => Err(Unaimed::Dead { code, asked }),
            Err(error) => Err(Unaimed::Refused(error.into())),
        },
    }
}

/// A target's word that a token is dead.
struct Refusal<'a> {
    slot: &'a Arc<Slot>,
    session: &'a Arc<Session>,
    code: Option<ErrorCode>,
    sent: Instant,
}

impl Refusal<'_> {
    /// The session to go on with.
    async fn next(self, tokens: &TokenSource, call: &Outgoing) -> Result<Arc<Session>, TokenError> {
        let Self { slot, session, code, sent } = self;
        match &call.away {
            Some(Away::DataCloud(own)) => tokens.after_data_cloud_refusal(slot, session, own, code, sent).await,
            _ => tokens.next(slot, session, call.family, code, sent).await,
        }
    }

    /// Starts to get it, for the caller's next try.
    fn prepare_next(self, tokens: &TokenSource, call: &Outgoing) -> Result<(), TokenError> {
        let Self { slot, session, code, sent } = self;
        match &call.away {
            Some(Away::DataCloud(own)) => tokens.prepare_after_data_cloud_refusal(slot, session, own, code, sent),
            _ => tokens.prepare_next(slot, session, call.family, code, sent),
        }
    }
}
