//! Writes that replicas must have. `WAIT` speaks of the writes of its own connection and holds it up, so these run on
//! connections apart from the shared one, each by one caller at a time.

use std::sync::Mutex;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::Semaphore;

use super::connect::{Address, own_connection};
use super::errors::{Failure, is_unknown_script};
use super::link::Link;
use super::scripts::{Call, Said};
use super::server::{Place, check};
use crate::store::StoreError;

/// Connections for waiting. Exchanges are few; a slow replica must not queue them all behind one.
const MAX_CONNECTIONS: usize = 4;
/// Tries to reach the server that has the record: on a connection that was idle, on a new one, and where a server that
/// has it no more sends on to.
const MAX_TRIES: usize = 3;

/// Connections on which a writer waits for replicas.
pub(super) struct Replicas {
    wanted: u64,
    link: Link,
    timeout: Duration,
    permits: Semaphore,
    idle: Mutex<Vec<(Option<Address>, MultiplexedConnection)>>,
}

impl Replicas {
    pub(super) fn new(wanted: u64, link: Link, timeout: Duration) -> Self {
        Self { wanted, link, timeout, permits: Semaphore::new(MAX_CONNECTIONS), idle: Mutex::default() }
    }

    /// Whether writes are to be waited for at all.
    pub(super) fn are_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// Runs a script and waits. True if enough replicas have its write, false if they do not within the time-out.
    pub(super) async fn run(&self, call: &Call) -> Result<(Said, bool), StoreError> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let (node, mut connection, said) = self.write(call).await?;
        let millis = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        let reached: Result<u64, _> =
            redis::cmd("WAIT").arg(self.wanted).arg(millis).query_async(&mut connection).await;
        // Written is written; a lost answer about replicas only means that it is not known who has it.
        let enough = matches!(reached, Ok(reached) if reached >= self.wanted);
        if reached.is_ok() {
            let mut idle = self.idle();
            idle.push((node, connection));
            // Those of nodes that nobody has asked lately go.
            if idle.len() > MAX_CONNECTIONS {
                idle.remove(0);
            }
        }
        Ok((said, enough))
    }

    /// Runs a script, and gives the connection that it ran on. Every script is safe to repeat.
    async fn write(&self, call: &Call) -> Result<(Option<Address>, MultiplexedConnection, Said), StoreError> {
        let mut failure = Failure::CutShort;
        for number in 1..=MAX_TRIES {
            let (node, place) = self.link.place(call.key()).await?;
            let idle = self.take_idle(&node).filter(|_| number == 1);
            let mut connection = match idle {
                Some(connection) => connection,
                None => self.connect(&place).await?,
            };
            failure = match run_on(&mut connection, call).await {
                Ok(said) => return Ok((node, connection, said)),
                Err(failure) => failure,
            };
            if !failure.is_of_a_lost_node() && failure.redirect("").is_none() {
                break;
            }
            self.link.look_again().await;
        }
        Err(failure.into())
    }

    async fn connect(&self, place: &Place) -> Result<MultiplexedConnection, Failure> {
        // An answer to WAIT may take the whole time-out by itself.
        let config = own_connection(self.timeout, 2 * self.timeout);
        let client = place.client().await?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        check(&mut connection, matches!(place, Place::MasterOf(_))).await?;
        Ok(connection)
    }

    fn take_idle(&self, node: &Option<Address>) -> Option<MultiplexedConnection> {
        let mut idle = self.idle();
        let found = idle.iter().position(|(at, _)| at == node)?;
        Some(idle.swap_remove(found).1)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Option<Address>, MultiplexedConnection)>> {
        self.idle.lock().expect("nothing panics while it is held")
    }
}

async fn run_on(connection: &mut MultiplexedConnection, call: &Call) -> Result<Said, Failure> {
    match call.by_hash().query_async(connection).await {
        Err(error) if is_unknown_script(&error) => Ok(call.whole().query_async(connection).await?),
        said => Ok(said?),
    }
}
