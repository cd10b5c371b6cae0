//! Writes that replicas must have. `WAIT` speaks of the writes of its own connection and holds it up, so these run on
//! connections apart from the shared one, each by one caller at a time.

use std::sync::Mutex;
use std::time::Duration;

use redis::Client;
use redis::aio::MultiplexedConnection;
use tokio::sync::Semaphore;

use super::connect::own_connection;
use super::errors::explain;
use super::scripts::{Call, Said};
use crate::store::StoreError;

/// Connections for waiting. Exchanges are few; a slow replica must not queue them all behind one.
const MAX_CONNECTIONS: usize = 4;

/// Connections on which a writer waits for replicas.
pub(super) struct Replicas {
    wanted: u64,
    client: Client,
    timeout: Duration,
    permits: Semaphore,
    idle: Mutex<Vec<MultiplexedConnection>>,
}

impl Replicas {
    pub(super) fn new(wanted: u64, client: Client, timeout: Duration) -> Self {
        Self { wanted, client, timeout, permits: Semaphore::new(MAX_CONNECTIONS), idle: Mutex::default() }
    }

    /// Whether writes are to be waited for at all.
    pub(super) fn are_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// Runs a script and waits. True if enough replicas have its write, false if they do not within the time-out.
    pub(super) async fn run(&self, call: &Call) -> Result<(Said, bool), StoreError> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let written = call.run(&mut connection).await.map_err(|error| explain(&error));
        let said = match written {
            // It may have been lost while it was idle. Every script is safe to repeat.
            Err(StoreError::Unavailable(_)) => {
                connection = self.connect().await?;
                call.run(&mut connection).await.map_err(|error| explain(&error))?
            }
            written => written?,
        };
        let millis = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        let reached: Result<u64, _> =
            redis::cmd("WAIT").arg(self.wanted).arg(millis).query_async(&mut connection).await;
        // Written is written; a lost answer about replicas only means that it is not known who has it.
        let enough = matches!(reached, Ok(reached) if reached >= self.wanted);
        if reached.is_ok() {
            self.idle().push(connection);
        }
        Ok((said, enough))
    }

    async fn connect(&self) -> Result<MultiplexedConnection, StoreError> {
        // An answer to WAIT may take the whole time-out by itself.
        let config = own_connection(self.timeout, 2 * self.timeout);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        connecting.await.map_err(|error| explain(&error))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<MultiplexedConnection>> {
        self.idle.lock().expect("nothing panics while it is held")
    }
}
