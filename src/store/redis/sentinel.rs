//! Asking Sentinels which server is the master. Any of them will do; a server that they name in error says itself that
//! it is none.

use std::time::Duration;

use redis::{Client, ErrorKind, RedisResult, ServerErrorKind};

use super::connect::{Address, Door, own_connection};
use super::errors::{Failure, wants_password};

/// Sentinels, and the servers that they watch.
pub(super) struct Sentinels {
    sentinels: Door,
    servers: Door,
    master: String,
    timeout: Duration,
}

impl Sentinels {
    /// Knows the master by its name.
    pub(super) fn new(sentinels: Door, servers: Door, master: String, timeout: Duration) -> Self {
        Self { sentinels, servers, master, timeout }
    }

    /// A client for the present master.
    pub(super) async fn master(&self) -> Result<Client, Failure> {
        let mut failure = Failure::NoMaster(self.master.clone());
        for sentinel in &self.sentinels.addresses {
            match self.ask(sentinel).await {
                Ok(Some((host, port))) => return Ok(self.servers.client(&Address { host, port })?),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError) => {
                    failure = Failure::NotSentinel;
                }
                Err(error) if wants_password(&error) => failure = Failure::SentinelPassword,
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }

    async fn ask(&self, sentinel: &Address) -> RedisResult<Option<(String, u16)>> {
        // Asked anew each time: it happens only when the master is lost, and a Sentinel may have been lost with it.
        let client = self.sentinels.client(sentinel)?;
        let config = own_connection(self.timeout, self.timeout);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("get-master-addr-by-name").arg(&self.master).query_async(&mut connection).await
    }
}
