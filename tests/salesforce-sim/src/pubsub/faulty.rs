//! Faults of the Pub/Sub API: the effects that have a meaning for calls of gRPC.

use std::sync::Arc;

use http::{Response, StatusCode};
use tokio::sync::Notify;

use super::refused;
use super::reply::{self, Reply};
use super::status::Status;
use crate::call::Call;
use crate::faults::Effect;
use crate::ids;
use crate::service::Cut;
use crate::wire::ResetSwitch;

/// How a connection of this API is ended by a fault.
#[derive(Clone)]
pub(crate) struct Ending {
    pub(crate) reset: ResetSwitch,
    pub(crate) now: Arc<Notify>,
}

/// What a fault leaves of a call.
pub(super) enum Left {
    Processed { is_lost: bool },
    Answered(Response<Reply>),
}

/// Does what a fault demands before a call is looked at.
pub(super) async fn before(call: &Call, ending: &Ending) -> Result<Left, Cut> {
    let Some(fault) = &call.fault else {
        return Ok(Left::Processed { is_lost: false });
    };
    fault.before_processing().await;
    match &fault.effect {
        Effect::DropBeforeProcessing => Err(Cut),
        Effect::ConnectionReset => {
            ending.reset.arm();
            ending.now.notify_one();
            Err(Cut)
        }
        Effect::EarlyAnswer => Ok(Left::Answered(refused(call, &Status::unauthenticated(), &ids::uuid()))),
        Effect::Status(code, body) => {
            let code = StatusCode::from_u16(*code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            call.entry.answered(code.as_u16(), false);
            Ok(Left::Answered(reply::plain(code, body.clone())))
        }
        effect => Ok(Left::Processed { is_lost: matches!(effect, Effect::LoseResponse) }),
    }
}
