//! What a call for a target goes to, and with which token: the connection's own, or one that it earns at Data Cloud.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Away;
use crate::proxy::Proxy;
use crate::proxy::error::{ProxyError, TargetFault};
use crate::proxy::forward::Outgoing;
use crate::proxy::observe::Observation;
use crate::salesforce::{ErrorCode, Target};
use crate::token::{DataCloudError, RefusedSession, Session, Slot};

/// Names the business unit of an Account Engagement call.
const BUSINESS_UNIT: HeaderName = HeaderName::from_static("pardot-business-unit-id");
/// How many sessions of the org one sending tries: the one in memory, a newer one found in the store, and one exchanged.
const MAX_SESSIONS: u32 = 3;

/// Whether a call has all that its target needs.
pub fn check(target: Target, headers: &HeaderMap) -> Result<(), ProxyError> {
    if target == Target::AccountEngagement && headers.get(BUSINESS_UNIT).is_none_or(HeaderValue::is_empty) {
        return Err(ProxyError::Target(TargetFault::BusinessUnit));
    }
    Ok(())
}

/// Aims the call at its target, and returns the session that it goes with: another than `session` if that proves dead
/// before anything is sent.
pub async fn aim(
    proxy: &Proxy,
    slot: &Arc<Slot>,
    target: Target,
    mut session: Arc<Session>,
    call: &mut Outgoing,
    seen: &mut Observation,
) -> Result<Arc<Session>, ProxyError> {
    for _ in 0..MAX_SESSIONS {
        let (code, asked) = match away(proxy, target, &session).await {
            Ok(away) => {
                call.away = Some(away);
                return Ok(session);
            }
            Err(Unaimed::Dead { code, asked }) => (code, asked),
            Err(Unaimed::Refused(error)) => return Err(error),
        };
        let refused = RefusedSession { slot, session: &session, family: call.family, code, sent: asked };
        let next = proxy.tokens.next(&refused, seen.wait()).await;
        session = next.map_err(|error| ProxyError::after_refusal(Some(target), error))?;
    }
    Err(ProxyError::ReplayNotPossible)
}

/// Why there is nowhere to send a call with a session.
enum Unaimed {
    /// The org no longer accepts the session.
    Dead { code: Option<ErrorCode>, asked: Instant },
    /// The call cannot be made.
    Refused(ProxyError),
}

async fn away(proxy: &Proxy, target: Target, session: &Arc<Session>) -> Result<Away, Unaimed> {
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
