//! The two measurements. Processor time: all proxies under load in turn, in
//! slices too short for the machine to change between them. Throughput and
//! latency: whole rounds in a rotating order, since slices distort them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::sleep;

use crate::load::{Load, Outcome};
use crate::proxies::{Peer, Proxy};

/// Connections to each proxy, one after the other.
pub(crate) const CONNECTIONS: [u32; 2] = [64, 1];
/// Repetitions of each measurement; the seconds are divided among them.
pub(crate) const ROUNDS: u32 = 5;
/// How long one proxy has the machine before the next.
pub(crate) const SLICE: Duration = Duration::from_millis(120);
/// Connects, fills pools and caches.
const WARM_UP: Duration = Duration::from_millis(400);

/// Everything measured of one proxy.
pub(crate) struct Measured {
    pub(crate) peer: Peer,
    pub(crate) idle_kib: u64,
    pub(crate) after_kib: u64,
    /// One for each of `CONNECTIONS`.
    pub(crate) figures: Vec<Figures>,
}

/// What one proxy did at one number of connections.
#[derive(Default)]
pub(crate) struct Figures {
    /// Processor time a request in microseconds, one for each round.
    pub(crate) cpu_us: Vec<f64>,
    /// Answers a second, one for each round.
    pub(crate) per_second: Vec<f64>,
    /// Latencies in microseconds, one for each round.
    pub(crate) p50_us: Vec<f64>,
    pub(crate) p99_us: Vec<f64>,
}

/// Measures all proxies with `seconds` of load for each figure.
pub(crate) async fn run(proxies: &mut [Proxy], wrk: &Path, dir: &Path, seconds: u32) -> Result<Vec<Measured>> {
    let mut measured: Vec<Measured> = proxies
        .iter()
        .map(|proxy| Measured { peer: proxy.peer, idle_kib: proxy.idle_kib, after_kib: 0, figures: Vec::new() })
        .collect();
    let share = Duration::from_secs(seconds.into()) / ROUNDS;
    for connections in CONNECTIONS {
        for part in &mut measured {
            part.figures.push(Figures::default());
        }
        for round in 0..ROUNDS {
            eprintln!("{connections} connections, round {} of {ROUNDS}", round + 1);
            let cpu = processor_time(proxies, wrk, dir, connections, share).await?;
            let whole = whole_round(proxies, wrk, dir, connections, share, round).await?;
            for ((part, cpu_us), outcome) in measured.iter_mut().zip(cpu).zip(whole) {
                let figures = part.figures.last_mut().expect("pushed above");
                figures.cpu_us.push(cpu_us);
                figures.per_second.push(outcome.requests / outcome.seconds);
                figures.p50_us.push(outcome.p50_us);
                figures.p99_us.push(outcome.p99_us);
            }
        }
    }
    for (part, proxy) in measured.iter_mut().zip(proxies) {
        proxy.process.check_running().await?;
        part.after_kib = proxy.process.resident_kib()?;
    }
    Ok(measured)
}

/// Microseconds of processor time a request, for each proxy.
async fn processor_time(
    proxies: &[Proxy],
    wrk: &Path,
    dir: &Path,
    connections: u32,
    share: Duration,
) -> Result<Vec<f64>> {
    let mut before = Vec::new();
    let mut loads = Vec::new();
    for proxy in proxies {
        before.push(proxy.process.cpu()?);
        let load = Load::start(wrk, dir, proxy, connections)?;
        sleep(WARM_UP).await;
        load.pause()?;
        loads.push(load);
    }
    let mut order: Vec<usize> = (0..loads.len()).collect();
    for _ in 0..share.as_millis().div_ceil(SLICE.as_millis()) {
        fastrand::shuffle(&mut order);
        for &turn in &order {
            loads[turn].resume()?;
            sleep(SLICE).await;
            loads[turn].pause()?;
        }
    }
    let mut results = Vec::new();
    for ((load, proxy), before) in loads.into_iter().zip(proxies).zip(before) {
        let outcome = load.finish().await.with_context(|| proxy.peer.to_string())?;
        let spent = proxy.process.cpu()?.saturating_sub(before);
        results.push(spent.as_secs_f64() * 1e6 / outcome.requests);
    }
    Ok(results)
}

/// One undisturbed load for each proxy, in an order that begins with another
/// proxy each round.
async fn whole_round(
    proxies: &[Proxy],
    wrk: &Path,
    dir: &Path,
    connections: u32,
    share: Duration,
    round: u32,
) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for turn in 0..proxies.len() {
        let index = (turn + round as usize) % proxies.len();
        let proxy = &proxies[index];
        let load = Load::start(wrk, dir, proxy, connections)?;
        sleep(share).await;
        let outcome = load.finish().await.with_context(|| proxy.peer.to_string())?;
        outcomes.push((index, outcome));
    }
    outcomes.sort_by_key(|(index, _)| *index);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}
