//! A paced load: so many callers, each beside a sidecar of its own, so many calls a second, each for one of the
//! connections at random. A caller whose sidecar the test has ended goes to the next one, as the application of that
//! sidecar would be gone with it; every other failure counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::Dice;
use super::fleet::{Fleet, Member};
use crate::authenticating::LIMITS;

/// More than any call may take: the proxy's own wait is 20 s.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long a caller looks for a sidecar that runs.
const NONE_RUNS: Duration = Duration::from_secs(60);
/// Far more than a load takes that is waited for.
const LONGEST: Duration = Duration::from_secs(600);
/// Failures that are told in full.
const TOLD: usize = 20;

/// How much is called.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub callers: usize,
    pub per_second: u32,
}

/// A load under way.
pub struct Load {
    callers: JoinSet<Tally>,
    shared: Arc<Shared>,
}

struct Shared {
    sidecars: Vec<Arc<Member>>,
    tenants: Vec<String>,
    began: Instant,
    between: Duration,
    next: AtomicU64,
    is_over: AtomicBool,
    /// When the last good call was sent, in milliseconds after the beginning.
    last_good: AtomicU64,
    seed: u64,
}

/// What came of the calls.
#[derive(Default)]
pub struct Tally {
    /// Each call that was answered with 200: when it was sent, after the load began, and how long it took.
    pub good: Vec<(Duration, Duration)>,
    /// Answers that say to try again: `token_unavailable`.
    pub unavailable: u64,
    /// Answers that the session ended before each of the sendings that a call has.
    pub outrun: u64,
    /// Answers that the org refuses a new token.
    pub misconfigured: u64,
    /// By tenant, answers that a person must consent again.
    pub reauthorize: BTreeMap<String, u64>,
    /// Everything else, by what it was.
    pub failures: BTreeMap<String, u64>,
    /// The first failures in full.
    pub told: Vec<String>,
    /// Calls that were made again beside another sidecar, since the test had ended the first.
    pub moved: u64,
}

impl Load {
    /// Calls until [`Load::end`].
    pub fn start(fleet: &Fleet, pace: Pace, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            sidecars: fleet.sidecars.clone(),
            tenants: fleet.connections.iter().map(|connected| connected.tenant.clone()).collect(),
            began: Instant::now(),
            between: Duration::from_secs(1) / pace.per_second,
            next: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            last_good: AtomicU64::new(0),
            seed,
        });
        let callers = (0..pace.callers).map(|home| Arc::clone(&shared).call_on(home)).collect();
        Self { callers, shared }
    }

    /// How long it has been going on.
    pub fn elapsed(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// Waits until so many calls have begun, which takes longer than their pace says where the machine is busy.
    pub async fn until_begun(&self, calls: u64) {
        // Whoever waits for the time of its call has its number already.
        let ahead = self.callers.len() as u64;
        while self.shared.next.load(Ordering::Relaxed) < calls + ahead {
            assert!(self.elapsed() < LONGEST, "{calls} calls take too long");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// When the last good call so far was sent.
    pub fn last_good(&self) -> Duration {
        Duration::from_millis(self.shared.last_good.load(Ordering::Relaxed))
    }

    /// Waits until all callers are done with what they have begun.
    pub async fn end(mut self) -> Tally {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        while let Some(tally) = self.callers.join_next().await {
            all.add(tally.unwrap());
        }
        all
    }
}

/// Brings every connection into the memory of every sidecar.
pub async fn warm(fleet: &Fleet) {
    let load = Load::start(fleet, Pace { callers: 0, per_second: 1 }, 0);
    let sidecars = (0..fleet.sidecars.len()).map(|home| {
        let mut caller = Caller { shared: Arc::clone(&load.shared), home, kept: None, tally: Tally::default() };
        async move {
            for tenant in 0..caller.shared.tenants.len() {
                caller.call(tenant).await;
            }
            caller.tally
        }
    });
    for warmed in sidecars.collect::<JoinSet<_>>().join_all().await {
        warmed.assert_flawless();
    }
}

impl Shared {
    async fn call_on(self: Arc<Self>, home: usize) -> Tally {
        let mut caller = Caller { shared: Arc::clone(&self), home, kept: None, tally: Tally::default() };
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = self.began + self.between * u32::try_from(number).unwrap();
            tokio::time::sleep_until(due.into()).await;
            let tenant = Dice(self.seed.wrapping_add(number)).below(self.tenants.len());
            caller.call(tenant).await;
        }
        caller.tally
    }
}

struct Caller {
    shared: Arc<Shared>,
    home: usize,
    kept: Option<Kept>,
    tally: Tally,
}

/// A connection to one life of a sidecar.
struct Kept {
    sidecar: usize,
    life: u64,
    sender: SendRequest<Empty<Bytes>>,
}

enum Answer {
    Status(u16, String),
    Broken(String),
}

impl Caller {
    async fn call(&mut self, tenant: usize) {
        let (shared, looked) = (Arc::clone(&self.shared), Instant::now());
        let tenant = &shared.tenants[tenant];
        let mut at = self.home;
        loop {
            let sidecar = &shared.sidecars[at % shared.sidecars.len()];
            let Some(life) = sidecar.life() else {
                if looked.elapsed() > NONE_RUNS {
                    return self.fail(tenant, "no sidecar runs".to_owned());
                }
                at += 1;
                if at.is_multiple_of(shared.sidecars.len()) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                continue;
            };
            let sent = shared.began.elapsed();
            let socket = sidecar.socket();
            let asked = self.ask(at % shared.sidecars.len(), &socket, life, tenant);
            let answer = match tokio::time::timeout(PATIENCE, asked).await {
                Ok(answer) => answer,
                Err(_) => Answer::Broken("no answer in time".to_owned()),
            };
            match answer {
                Answer::Broken(_) if sidecar.life() != Some(life) => {
                    self.kept = None;
                    self.tally.moved += 1;
                    at += 1;
                }
                Answer::Broken(error) => {
                    self.kept = None;
                    return self.fail(tenant, format!("{} broke off: {error}", sidecar.name));
                }
                Answer::Status(200, _) => {
                    let millis = u64::try_from(sent.as_millis()).unwrap();
                    shared.last_good.fetch_max(millis, Ordering::Relaxed);
                    return self.tally.good.push((sent, shared.began.elapsed() - sent));
                }
                Answer::Status(503, error) if error == "token_unavailable" => return self.tally.unavailable += 1,
                // A session of two seconds may have ended before the third sending, where each waited for a store in trouble.
                Answer::Status(503, error) if error == "replay_not_possible" => return self.tally.outrun += 1,
                Answer::Status(403, error) if error == "misconfigured" => return self.tally.misconfigured += 1,
                Answer::Status(403, error) if error == "reauthorize" => {
                    return *self.tally.reauthorize.entry(tenant.clone()).or_default() += 1;
                }
                Answer::Status(status, error) => {
                    return self.fail(tenant, format!("{status} {error}"));
                }
            }
        }
    }

    async fn ask(&mut self, sidecar: usize, socket: &Path, life: u64, tenant: &str) -> Answer {
        let broken = |error: &dyn std::fmt::Display| Answer::Broken(error.to_string());
        let kept = self.kept.take().filter(|kept| (kept.sidecar, kept.life) == (sidecar, life));
        let mut kept = match kept {
            Some(kept) => kept,
            None => {
                let stream = match UnixStream::connect(socket).await {
                    Ok(stream) => stream,
                    Err(error) => return broken(&error),
                };
                let (sender, connection) = match http1::handshake(TokioIo::new(stream)).await {
                    Ok(made) => made,
                    Err(error) => return broken(&error),
                };
                tokio::spawn(connection);
                Kept { sidecar, life, sender }
            }
        };
        let request = Request::get(LIMITS).header("host", "localhost").header("orgpass-tenant", tenant);
        let request = request.body(Empty::new()).unwrap();
        if let Err(error) = kept.sender.ready().await {
            return broken(&error);
        }
        let response = match kept.sender.send_request(request).await {
            Ok(response) => response,
            Err(error) => return broken(&error),
        };
        let (head, body) = response.into_parts();
        if let Err(error) = body.collect().await {
            return broken(&error);
        }
        self.kept = Some(kept);
        let error = head.headers.get("orgpass-error").map(|error| error.to_str().unwrap().to_owned());
        Answer::Status(head.status.as_u16(), error.unwrap_or_default())
    }

    fn fail(&mut self, tenant: &str, what: String) {
        let at = self.shared.began.elapsed();
        if self.tally.told.len() < TOLD {
            self.tally.told.push(format!("{tenant} after {at:.1?}: {what}"));
        }
        *self.tally.failures.entry(what).or_default() += 1;
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.good.extend(other.good);
        self.unavailable += other.unavailable;
        self.outrun += other.outrun;
        self.misconfigured += other.misconfigured;
        self.moved += other.moved;
        for (tenant, count) in other.reauthorize {
            *self.reauthorize.entry(tenant).or_default() += count;
        }
        for (what, count) in other.failures {
            *self.failures.entry(what).or_default() += count;
        }
        self.told.extend(other.told);
        self.told.truncate(TOLD);
    }

    /// The share of calls sent in this window that took no longer: `permille` of 1000.
    pub fn percentile(&self, window: std::ops::Range<Duration>, permille: usize) -> Duration {
        let mut took: Vec<Duration> =
            self.good.iter().filter(|(sent, _)| window.contains(sent)).map(|(_, took)| *took).collect();
        assert!(!took.is_empty(), "there were calls in {window:?}");
        took.sort_unstable();
        took[(took.len() * permille / 1000).min(took.len() - 1)]
    }

    /// In a line.
    pub fn summary(&self) -> String {
        let all = Duration::ZERO..Duration::MAX;
        format!(
            "{} calls with 200, {} unavailable, {} outrun, {} misconfigured, {} reauthorize, failures {:?}, {} moved, p50 {:.1?}, p99 {:.1?}",
            self.good.len(),
            self.unavailable,
            self.outrun,
            self.misconfigured,
            self.reauthorize.values().sum::<u64>(),
            self.failures,
            self.moved,
            self.percentile(all.clone(), 500),
            self.percentile(all, 990),
        )
    }

    /// Every call was answered with 200.
    pub fn assert_flawless(&self) {
        let calm = self.unavailable + self.outrun + self.misconfigured == 0
            && self.reauthorize.is_empty()
            && self.failures.is_empty();
        assert!(calm, "{}\n{}", self.summary(), self.told.join("\n"));
    }
}
