//! The lease around a change: whoever writes a connection whole holds it, so that no exchange runs meanwhile.

use std::time::{Duration, Instant};

use super::{Management, Refusal};
use crate::connection::ConnectionKey;
use crate::store::Owner;

/// Longer than any change takes; a process that dies does not block a connection for longer.
const LEASE: Duration = Duration::from_secs(45);
/// An operator waits this long for an exchange to end.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A lease that was taken. Dropped without [`Management::give_back`], it ends by itself.
pub(super) struct ChangeLease<'a> {
    key: &'a ConnectionKey,
    owner: Owner,
}

impl Management {
    /// Takes the lease of a connection, under a name of its own: this process may be exchanging for it.
    pub(super) async fn take_lease<'a>(&self, key: &'a ConnectionKey) -> Result<ChangeLease<'a>, Refusal> {
        let owner = Owner::random();
        let deadline = Instant::now() + PATIENCE;
        while !self.store.take_lease(key, &owner, LEASE).await? {
            if Instant::now() > deadline {
                return Err(Refusal::Busy);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(ChangeLease { key, owner })
    }

    /// Gives the lease back.
    pub(super) async fn give_back(&self, lease: ChangeLease<'_>) {
        if let Err(error) = self.store.release_lease(lease.key, &lease.owner).await {
            tracing::debug!(connection = %lease.key, %error, "the lease was not released; it ends by itself");
        }
    }
}
