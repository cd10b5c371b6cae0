//! One server, or whichever is master now, and the connection to it that all short commands share: made when first
//! needed, by one task for all who wait, and made anew when it is lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, Pipeline, PushInfo, PushKind, Value};
use tokio::sync::watch;

use super::connect::{Address, Door, own_connection};
use super::errors::{Failure, is_lost};
use super::presence::Presence;
use super::sentinel::Sentinels;

/// The oldest major version: function flags, `ZRANGE ... BYLEX` and ACL rules for subcommands are taken for granted.
const OLDEST_VERSION: u32 = 7;
/// How long a failure to connect answers for everybody.
const PAUSE: Duration = Duration::from_millis(300);

/// Where a server is to be found.
#[derive(Clone)]
pub(super) enum Place {
    /// Always there.
    At(Arc<Door>, Address),
    /// Wherever the Sentinels say.
    MasterOf(Arc<Sentinels>),
}

impl Place {
    /// A client for it; asks the Sentinels.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        match self {
            Self::At(door, address) => Ok(door.client(address)?),
            Self::MasterOf(sentinels) => sentinels.master().await,
        }
    }
}

/// What is sent.
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    /// One command, for its answer.
    One(&'a Cmd),
    /// Commands as one piece, between which no other comes, for a list of their answers.
    Together(&'a Pipeline),
}

/// A server with its shared connection.
pub(super) struct Server {
    pub(super) place: Place,
    timeout: Duration,
    shared: Arc<Shared>,
}

struct Shared {
    presence: Presence,
    attempt: Mutex<Option<Attempt>>,
}

/// One try to connect, and the connection that came of it.
#[derive(Clone)]
struct Attempt {
    number: u64,
    began: Instant,
    outcome: watch::Receiver<Option<Result<MultiplexedConnection, Failure>>>,
}

impl Attempt {
    fn is_of_use(&self) -> bool {
        match &*self.outcome.borrow() {
            Some(Err(_)) => self.began.elapsed() < PAUSE,
            // A task that was cut short has left nothing and never will.
            None => self.outcome.has_changed().is_ok(),
            Some(Ok(_)) => true,
        }
    }
}

impl Server {
    /// Nothing is sent yet. The presence is this server's own.
    pub(super) fn new(place: Place, timeout: Duration, presence: Presence) -> Self {
        Self { place, timeout, shared: Arc::new(Shared { presence, attempt: Mutex::default() }) }
    }

    /// Sends on the shared connection. If that turns out to be lost, and what is sent is safe to repeat, it is sent once
    /// more on a new one: the old one may have been lost while it was idle.
    pub(super) async fn send(&self, request: Request<'_>, repeatable: bool) -> Result<Value, Failure> {
        let (attempt, is_new) = self.attempt();
        let failure = match self.send_on(attempt, request).await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        if is_new || !repeatable || !failure.is_connection_dropped() {
            return Err(failure);
        }
        self.send_on(self.attempt().0, request).await
    }

    async fn send_on(&self, attempt: Attempt, request: Request<'_>) -> Result<Value, Failure> {
        let Attempt { number, mut outcome, .. } = attempt;
        let connected = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        let mut connection = connected.unwrap_or(Err(Failure::CutShort))?;
        let answer = match request {
            Request::One(command) => command.query_async(&mut connection).await,
            Request::Together(pipeline) => pipeline.query_async(&mut connection).await,
        };
        match answer {
            Ok(done) => {
                self.shared.presence.reach();
                Ok(done)
            }
            Err(error) => {
                if is_lost(&error) {
                    self.shared.forget(number);
                }
                Err(Failure::Redis(error))
            }
        }
    }

    /// The present attempt, or a new one; true if its outcome was still to come.
    fn attempt(&self) -> (Attempt, bool) {
        let mut attempt = self.shared.attempt();
        let number = match &*attempt {
            Some(present) if present.is_of_use() => {
                return (present.clone(), present.outcome.borrow().is_none());
            }
            _ => self.shared.presence.next_number(),
        };
        let (sender, outcome) = watch::channel(None);
        let (place, timeout, shared) = (self.place.clone(), self.timeout, Arc::clone(&self.shared));
        // Nobody's own: whoever goes away cancels nothing. Each of its steps has a time-out.
        tokio::spawn(async move {
            let opened = open(&place, timeout, &shared, number).await;
            sender.send_replace(Some(opened));
        });
        let new = Attempt { number, began: Instant::now(), outcome };
        *attempt = Some(new.clone());
        (new, true)
    }
}

impl Shared {
    fn attempt(&self) -> MutexGuard<'_, Option<Attempt>> {
        self.attempt.lock().expect("nothing panics while it is held")
    }

    /// The connection of this attempt is good for nothing any more.
    fn forget(&self, number: u64) {
        let mut attempt = self.attempt();
        if attempt.as_ref().is_some_and(|present| present.number == number) {
            *attempt = None;
            self.presence.lose();
        }
    }
}

async fn open(
    place: &Place,
    timeout: Duration,
    shared: &Arc<Shared>,
    number: u64,
) -> Result<MultiplexedConnection, Failure> {
    let client = place.client().await?;
    let of = Arc::downgrade(shared);
    let config = own_connection(timeout, timeout).set_push_sender(move |push: PushInfo| {
        // Noticed before the next command, which then need not fail.
        if push.kind == PushKind::Disconnection
            && let Some(shared) = of.upgrade()
        {
            shared.forget(number);
        }
        Ok::<_, std::convert::Infallible>(())
    });
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    check(&mut connection, matches!(place, Place::MasterOf(_))).await?;
    Ok(connection)
}

/// Looks at the server's version, and whether it is the master where it must be. `HELLO` needs no right, unlike `INFO`
/// and `ROLE`.
pub(super) async fn check(connection: &mut MultiplexedConnection, must_be_master: bool) -> Result<(), Failure> {
    let hello: HashMap<String, Value> = redis::cmd("HELLO").query_async(connection).await?;
    let word = |name: &str| match hello.get(name) {
        Some(value) => redis::from_redis_value_ref::<String>(value).unwrap_or_default(),
        None => String::new(),
    };
    let version = word("version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST_VERSION) {
        return Err(Failure::TooOld(version));
    }
    if must_be_master && word("role") != "master" {
        return Err(Failure::NotMaster);
    }
    Ok(())
}
