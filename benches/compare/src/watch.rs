//! What it costs a hub to watch very many connections: a real Redis, a simulated
//! Salesforce and one hub, with few connections and with many. The cost of a look
//! must be the same with both, since what is due comes from an index.

mod report;
mod site;
mod window;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::time::{Instant, sleep};

use self::site::{Hub, Site};
use self::window::{Snapshot, Window};
use crate::machine::{Facts, which};
use crate::{WORKSPACE, orgpass};

/// Connections in the store, one size after the other.
pub(crate) const SIZES: [usize; 2] = [1_000, 100_000];
/// `hub.checks_per_second` as it is if nobody sets it, and raised.
pub(crate) const RATES: [u32; 2] = [20, 200];
/// How many are to be overdue at least while the raised rate is measured: more
/// than are looked at until the next glance.
const BACKLOG: usize = 500;
/// How long a count may take, also on a busy machine.
const COUNT_LIMIT: Duration = Duration::from_secs(240);
/// Between two glances at the hub or at Redis. Few, for they cost something too.
const GLANCE: Duration = Duration::from_millis(500);

/// How to measure.
#[derive(Args)]
pub(crate) struct Settings {
    /// The Orgpass program to measure [default: built by scripts/release].
    #[arg(long, value_name = "PATH")]
    orgpass: Option<PathBuf>,
    /// Seconds of each window.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(5..=300))]
    seconds: u64,
    /// Leave docs/watching.md as it is.
    #[arg(long)]
    print_only: bool,
}

/// What was measured with one number of connections.
pub(crate) struct Measured {
    /// The count that finds no connection in the schedule, less what rest costs.
    pub(crate) first_count: Window,
    /// The count that finds nothing amiss, less what rest costs.
    pub(crate) next_count: Window,
    /// Nothing is due but what is due in its time.
    pub(crate) rest: Window,
    /// Everything is overdue, and the rate is raised.
    pub(crate) raised: Window,
    pub(crate) rest_kib: u64,
    pub(crate) raised_kib: u64,
}

/// Measures, prints the tables and writes the page.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let redis = which("redis-server").context("missing: redis-server. To install: scripts/test")?;
    which("setpriv").context("missing: setpriv")?;
    let (program, build) = match settings.orgpass {
        Some(path) => (path.canonicalize().context("no program there")?, "named by `--orgpass`"),
        None => (orgpass::build().await?, "built by `scripts/release`"),
    };
    let dir = tempfile::Builder::new().prefix("orgpass-watch-").tempdir()?;
    let site = Site::start(&program, dir.path()).await?;
    let window = Duration::from_secs(settings.seconds);
    let mut measured = Vec::new();
    let mut there = 0;
    for size in SIZES {
        eprintln!("importing up to {size} connections");
        site.import(there..size).await?;
        there = size;
        measured.push(measure(&site, size, window).await.with_context(|| format!("with {size} connections"))?);
    }
    let measured: [Measured; 2] = measured.try_into().ok().context("two sizes")?;
    println!("{}", report::tables(&measured));
    if !settings.print_only {
        let programs = [
            ("Orgpass", Some(program.as_path()), "--version"),
            ("Redis", Some(redis.as_path()), "--version"),
            ("rustc", Some(Path::new("rustc")), "--version"),
        ];
        let page = report::page(&measured, &Facts::read(&programs)?, build, settings.seconds);
        std::fs::write(Path::new(WORKSPACE).join("docs/watching.md"), page)?;
        println!("Written to docs/watching.md");
    }
    Ok(())
}

async fn measure(site: &Site<'_>, size: usize, window: Duration) -> Result<Measured> {
    site.forget_schedule()?;
    eprintln!("{size} connections, at rest");
    let mut hub = site.hub(RATES[0]).await?;
    let first_count = until_counted(&mut hub, site, size).await?;
    ensure!(site.scheduled()? == size, "the count did not schedule every connection");
    let rest = over(&mut hub, site, window, || Ok(())).await?;
    let rest_kib = hub.process.resident_kib()?;
    hub.stop().await?;

    eprintln!("{size} connections, at a raised rate");
    let mut hub = site.hub(RATES[1]).await?;
    let next_count = until_counted(&mut hub, site, size).await?;
    let keep_overdue = || if site.overdue()? < BACKLOG { site.make_overdue() } else { Ok(()) };
    let raised = over(&mut hub, site, window, keep_overdue).await?;
    let raised_kib = hub.process.resident_kib()?;
    hub.stop().await?;
    let (first_count, next_count) = (first_count.beyond(&rest), next_count.beyond(&rest));
    Ok(Measured { first_count, next_count, rest, raised, rest_kib, raised_kib })
}

/// The time from the hub's start until it has counted all connections.
async fn until_counted(hub: &mut Hub, site: &Site<'_>, size: usize) -> Result<Window> {
    let before = Snapshot::take(hub, site).await?;
    let deadline = Instant::now() + COUNT_LIMIT;
    loop {
        hub.process.check_running().await?;
        let now = Snapshot::take(hub, site).await?;
        if now.counted() == size {
            return Ok(now.since(&before));
        }
        ensure!(Instant::now() < deadline, "{} connections counted after {COUNT_LIMIT:?}", now.counted());
        sleep(GLANCE).await;
    }
}

/// What happens in a fixed time, in which `meanwhile` is done again and again.
async fn over(
    hub: &mut Hub,
    site: &Site<'_>,
    time: Duration,
    mut meanwhile: impl FnMut() -> Result<()>,
) -> Result<Window> {
    meanwhile()?;
    // What was done before it has been digested by then.
    sleep(2 * GLANCE).await;
    let before = Snapshot::take(hub, site).await?;
    let end = Instant::now() + time;
    while Instant::now() < end {
        meanwhile()?;
        sleep(GLANCE.min(end.saturating_duration_since(Instant::now()))).await;
    }
    let window = Snapshot::take(hub, site).await?.since(&before);
    hub.process.check_running().await?;
    ensure!(window.looks == window.alive, "of {} looks, {} found a session alive", window.looks, window.alive);
    Ok(window)
}
