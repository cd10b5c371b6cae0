//! The load generator: one wrk, which can be stopped and continued, and the one
//! line of results that its script prints.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::process::Process;
use crate::proxies::Proxy;
use crate::upstream::PATH;

/// wrk's own end, which must never come first.
const LONGER_THAN_ANY_RUN: &str = "-d86400s";

/// How often it is told to end.
const PATIENCE: u32 = 50;

/// A running wrk.
pub(crate) struct Load {
    process: Process,
}

/// What wrk counted.
pub(crate) struct Outcome {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Load {
    /// Starts wrk against `proxy` with one thread.
    pub(crate) fn start(wrk: &Path, dir: &Path, proxy: &Proxy, connections: u32) -> Result<Self> {
        let script = dir.join("load.lua");
        std::fs::write(&script, include_str!("../config/load.lua"))?;
        let port = proxy.port.to_string();
        let args = [
            "-t1".to_owned(),
            format!("-c{connections}"),
            LONGER_THAN_ANY_RUN.to_owned(),
            "-s".to_owned(),
            script.display().to_string(),
            format!("http://127.0.0.1:{port}{PATH}"),
            "--".to_owned(),
            port,
        ];
        Ok(Self { process: Process::start(wrk, args, dir)? })
    }

    /// Stops sending; connections stay open.
    pub(crate) fn pause(&self) -> Result<()> {
        self.process.signal(Signal::SIGSTOP)
    }

    /// Sends again.
    pub(crate) fn resume(&self) -> Result<()> {
        self.process.signal(Signal::SIGCONT)
    }

    /// Ends wrk, paused or not. An error that it counted is an error here: a
    /// proxy that refuses quickly must not look fast.
    pub(crate) async fn finish(mut self) -> Result<Outcome> {
        self.resume()?;
        // Only its main thread prints the results, and a signal to a process
        // that was stopped a moment ago may reach another thread.
        for _ in 0..PATIENCE {
            self.process.signal(Signal::SIGINT)?;
            if self.process.ends_within(Duration::from_millis(200)).await? {
                return self.outcome();
            }
        }
        bail!("wrk does not end")
    }

    fn outcome(&self) -> Result<Outcome> {
        let output = self.process.output();
        let fields = output.lines().find_map(|line| line.strip_prefix("RESULT "));
        let fields = fields.with_context(|| format!("no result from wrk: {output}"))?;
        let numbers: Vec<f64> = fields.split(' ').map(str::parse).collect::<Result<_, _>>().context("wrk's result")?;
        let [requests, micros, p50_us, p99_us, errors] = numbers[..] else {
            bail!("wrk's result has another form: {fields}");
        };
        if errors > 0.0 || requests == 0.0 {
            bail!("{requests} answers and {errors} errors: {output}");
        }
        Ok(Outcome { requests, seconds: micros / 1e6, p50_us, p99_us })
    }
}
