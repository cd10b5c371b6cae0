//! The way to Redis: one shared connection for short commands, made when first needed and made anew when it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, ProtocolVersion, RedisResult, TlsCertificates,
};

use super::errors::{explain, is_lost, too_old, wants_new_connection};
use super::presence::Presence;
use crate::secret::Secret;
use crate::store::{Settings, StoreError};

/// The oldest major version: function flags, `ZRANGE ... BYLEX` and ACL rules for subcommands are taken for granted.
const OLDEST_VERSION: u32 = 7;
/// Shortest time between two replacements of the shared connection.
const REPLACE_PAUSE: Duration = Duration::from_secs(1);

/// Makes the client; nothing is sent yet.
pub(super) fn client(
    settings: &Settings,
    password: Option<&Secret<String>>,
    ca_pem: Option<Vec<u8>>,
) -> Result<Client, StoreError> {
    let info = settings.url.to_string().into_connection_info().map_err(|error| explain(&error))?;
    // RESP3 lets announcements come over a connection that can still be asked whether it lives.
    let mut access = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
    if let Some(password) = password {
        access = access.set_password(password.expose());
    }
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let info = info.set_redis_settings(access).set_tcp_settings(tcp);
    match ca_pem {
        Some(pem) => {
            Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(pem) }).map_err(|_| {
                StoreError::Refused("store.ca_file must hold PEM certificates, for a rediss:// URL".to_owned())
            })
        }
        None => Client::open(info).map_err(|error| explain(&error)),
    }
}

/// Time-outs for a connection of its own.
pub(super) fn own_connection(timeout: Duration, response: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(Some(response))
}

/// The shared connection.
pub(super) struct Link {
    client: Client,
    timeout: Duration,
    presence: Presence,
    current: ArcSwap<Current>,
    right_version: AtomicBool,
}

struct Current {
    manager: ConnectionManager,
    since: Instant,
}

impl Link {
    pub(super) fn new(client: Client, timeout: Duration, presence: Presence) -> Result<Self, StoreError> {
        let current = Arc::new(Current::new(&client, timeout)?);
        Ok(Self { client, timeout, presence, current: ArcSwap::from(current), right_version: AtomicBool::new(false) })
    }

    /// Runs one or more commands on the shared connection.
    pub(super) async fn run<T>(
        &self,
        commands: impl AsyncFnOnce(&mut ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, StoreError> {
        let current = self.current.load_full();
        let mut connection = current.manager.clone();
        let mut outcome = Ok(());
        if !self.right_version.load(Ordering::Relaxed) {
            match check_version(&mut connection).await {
                Ok(checked) => {
                    checked?;
                    self.right_version.store(true, Ordering::Relaxed);
                }
                Err(error) => outcome = Err(error),
            }
        }
        let outcome = match outcome {
            Ok(()) => commands(&mut connection).await,
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(_) => self.presence.reach(),
            Err(error) if is_lost(error) => self.presence.lose(),
            Err(_) => {}
        }
        outcome.map_err(|error| {
            if wants_new_connection(&error) {
                self.replace(&current);
            }
            explain(&error)
        })
    }

    /// Runs one command.
    pub(super) async fn query<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, StoreError> {
        self.run(async |connection| command.query_async(connection).await).await
    }

    /// Runs a pipeline.
    pub(super) async fn pipeline<T: FromRedisValue>(&self, pipeline: &redis::Pipeline) -> Result<T, StoreError> {
        self.run(async |connection| pipeline.query_async(connection).await).await
    }

    // The library replaces connections that break, but keeps for good one that could not log in.
    fn replace(&self, failed: &Arc<Current>) {
        if failed.since.elapsed() < REPLACE_PAUSE {
            return;
        }
        if let Ok(new) = Current::new(&self.client, self.timeout) {
            self.current.compare_and_swap(failed, Arc::new(new));
        }
    }
}

impl Current {
    fn new(client: &Client, timeout: Duration) -> Result<Self, StoreError> {
        // Retries are the callers', who know how long they can wait.
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            .set_number_of_retries(0);
        let manager = client.get_connection_manager_lazy(config).map_err(|error| explain(&error))?;
        Ok(Self { manager, since: Instant::now() })
    }
}

/// Asks for the server's version. `HELLO` needs no right, unlike `INFO`.
pub(super) async fn check_version(connection: &mut impl ConnectionLike) -> RedisResult<Result<(), StoreError>> {
    let hello: std::collections::HashMap<String, redis::Value> = redis::cmd("HELLO").query_async(connection).await?;
    let version = hello.get("version").map(redis::from_redis_value_ref::<String>).transpose()?.unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    Ok(match major {
        Some(major) if major >= OLDEST_VERSION => Ok(()),
        _ => Err(too_old(&version)),
    })
}
