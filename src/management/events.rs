//! Changes of state, for operators.

use serde::{Deserialize, Serialize};

use super::{Management, Refusal};
use crate::connection::{Cause, Status};
use crate::store::{Event, State, StoreTime};

/// A change of a connection's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLine {
    /// Names the event and orders it.
    pub id: String,
    /// When, by the store's clock: milliseconds since 1970.
    pub at: StoreTime,
    /// The tenant.
    pub tenant: String,
    /// The user, if it is a user connection.
    pub user: Option<String>,
    /// The state before; nothing for a new connection.
    pub before: Option<StateLine>,
    /// The state now; nothing for one that was removed.
    pub after: Option<StateLine>,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateLine {
    /// The status.
    pub status: Status,
    /// Why it is not active.
    pub cause: Option<Cause>,
}

impl From<State> for StateLine {
    fn from(state: State) -> Self {
        Self { status: state.status, cause: state.cause }
    }
}

impl From<Event> for EventLine {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            at: event.at,
            tenant: event.key.tenant().to_owned(),
            user: event.key.user().map(str::to_owned),
            before: event.before.map(StateLine::from),
            after: event.after.map(StateLine::from),
        }
    }
}

impl Management {
    /// Changes of state after the one named, oldest first.
    pub async fn events(&self, after: Option<&str>, limit: usize) -> Result<Vec<EventLine>, Refusal> {
        Ok(self.store.events(after, limit).await?.into_iter().map(EventLine::from).collect())
    }
}
