//! Measures Orgpass beside nginx, HAProxy, Envoy and a bare TCP-to-TLS relay:
//! one worker each, the same upstream, the same request; and what it costs a hub
//! to watch. All on loopback; every process it starts ends with it.
#![allow(clippy::print_stdout, reason = "the table is the output of this program")]
#![allow(clippy::print_stderr, reason = "progress, apart from the table")]

mod load;
mod machine;
mod measure;
mod orgpass;
mod process;
mod proxies;
mod relay;
mod report;
mod train;
mod upstream;
mod watch;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::proxies::Peer;

/// The workspace, whose `target` and `docs` this program uses.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[derive(Parser)]
#[command(about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    compare: Compare,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args)]
struct Compare {
    /// Measure these only, and leave docs/performance.md as it is.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Peer>,
    /// The Orgpass program to measure [default: built by scripts/release].
    #[arg(long, value_name = "PATH")]
    orgpass: Option<PathBuf>,
    /// Seconds of load for each proxy, number of connections and measurement.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(5..=600))]
    seconds: u32,
}

#[derive(Subcommand)]
enum Command {
    /// The relay, as a process of its own.
    #[command(hide = true)]
    Relay(relay::Settings),
    /// Loads an instrumented Orgpass with calls of many kinds (what scripts/release does).
    Train(train::Settings),
    /// Measures what it costs a hub to watch 100,000 connections.
    Watch(watch::Settings),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let work = async {
        match cli.command {
            Some(Command::Relay(settings)) => relay::run(settings).await,
            Some(Command::Train(settings)) => train::run(settings).await,
            Some(Command::Watch(settings)) => watch::run(settings).await,
            None => compare(cli.compare).await,
        }
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = work => result,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn compare(args: Compare) -> Result<()> {
    let everything = args.only.is_empty();
    let peers = if everything { Peer::all() } else { args.only };
    let tools = machine::Tools::find(&peers)?;
    let orgpass = match args.orgpass {
        Some(path) => path.canonicalize().context("no program there")?,
        None if peers.contains(&Peer::Orgpass) => orgpass::build().await?,
        None => PathBuf::new(),
    };

    let dir = tempfile::Builder::new().prefix("orgpass-compare-").tempdir()?;
    let upstream = upstream::start(&tools, dir.path())?;
    let mut proxies = Vec::new();
    for peer in peers {
        eprintln!("starting {peer}");
        let proxy = proxies::start(peer, &tools, &orgpass, &upstream, dir.path()).await;
        proxies.push(proxy.with_context(|| format!("{peer} did not start"))?);
    }

    let run = measure::run(&mut proxies, &tools.wrk, dir.path(), args.seconds).await?;
    let facts = machine::Facts::read(&tools.named(&orgpass))?;
    println!("{}", report::tables(&run));
    if everything {
        let page = Path::new(WORKSPACE).join("docs/performance.md");
        std::fs::create_dir_all(page.parent().expect("the path has a folder"))?;
        std::fs::write(&page, report::page(&run, &facts, args.seconds))?;
        println!("Written to docs/performance.md");
    }
    Ok(())
}
