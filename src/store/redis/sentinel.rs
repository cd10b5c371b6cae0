//! Asking Sentinels which server is the master. All are asked: just after a fail-over some still name the old master,
//! which takes itself for one if it has come back, and to write to it would be to write for nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Client, ErrorKind, RedisResult, ServerErrorKind};
use tokio::task::JoinSet;

use super::connect::{Address, Door, own_connection};
use super::errors::{Failure, wants_password};

/// How long a Sentinel is waited for when most of them have answered.
const LAGGARD: Duration = Duration::from_millis(250);

/// Sentinels, and the servers that they watch.
pub(super) struct Sentinels {
    sentinels: Door,
    servers: Arc<Door>,
    master: String,
    timeout: Duration,
}

impl Sentinels {
    /// Knows the master by its name.
    pub(super) fn new(sentinels: Door, servers: Arc<Door>, master: String, timeout: Duration) -> Self {
        Self { sentinels, servers, master, timeout }
    }

    /// A client for the present master: the one that the Sentinel with the latest word names.
    pub(super) async fn master(&self) -> Result<Client, Failure> {
        let mut asked = JoinSet::new();
        for sentinel in &self.sentinels.addresses {
            // Asked anew each time: it happens only when the master is lost, and a Sentinel may have been lost with it.
            let client = self.sentinels.client(sentinel)?;
            asked.spawn(ask(client, self.master.clone(), self.timeout));
        }
        let (mut latest, mut answered) = (None, 0);
        let mut failure = Failure::NoMaster(self.master.clone());
        // Once most have answered, one that hangs is not waited for.
        loop {
            let patience = if answered > self.sentinels.addresses.len() / 2 { LAGGARD } else { 3 * self.timeout };
            let Ok(Some(said)) = tokio::time::timeout(patience, asked.join_next()).await else { break };
            match said {
                Ok(Ok(Some(named))) => {
                    answered += 1;
                    latest = latest.max(Some(named));
                }
                Ok(Err(error)) if error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError) => {
                    failure = Failure::NotSentinel;
                }
                Ok(Err(error)) if wants_password(&error) => failure = Failure::SentinelPassword,
                Ok(Err(error)) if matches!(failure, Failure::NoMaster(_)) => failure = error.into(),
                Ok(Err(_) | Ok(None)) | Err(_) => {}
            }
        }
        let Some(Named { host, port, .. }) = latest else { return Err(failure) };
        Ok(self.servers.client(&Address { host, port })?)
    }
}

/// What a Sentinel says of the master.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    /// Grows with each fail-over.
    epoch: u64,
    host: String,
    port: u16,
}

async fn ask(client: Client, master: String, timeout: Duration) -> RedisResult<Option<Named>> {
    let mut connection = client.get_multiplexed_async_connection_with_config(&own_connection(timeout, timeout)).await?;
    let mut ask = redis::cmd("SENTINEL");
    let named = ask.arg("get-master-addr-by-name").arg(&master).query_async(&mut connection).await?;
    let Some((host, port)) = named else { return Ok(None) };
    let mut ask = redis::cmd("SENTINEL");
    // A Sentinel that does not tell has the word of one that knows no fail-over.
    let told: HashMap<String, String> =
        ask.arg("master").arg(&master).query_async(&mut connection).await.unwrap_or_default();
    let epoch = told.get("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or_default();
    Ok(Some(Named { epoch, host, port }))
}
