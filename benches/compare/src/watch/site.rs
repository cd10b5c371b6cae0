//! What stands around the hub: Redis, the simulated Salesforce, the connections;
//! and the hub itself, as an operator sets it up.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use redis_child::RedisChild;
use salesforce_sim::{AppOptions, Simulator, Tokens};
use serde_json::json;

use crate::orgpass;
use crate::process::Process;
use crate::proxies::listening;
use crate::upstream::free_port;

/// The hub's drain.
const STOP: Duration = Duration::from_secs(30);
/// The schedule in Redis, as `docs/configuration.md` has it.
const DUE: &str = "orgpass:due";

/// Everything but the hub.
pub(crate) struct Site<'a> {
    program: &'a Path,
    dir: &'a Path,
    redis: RedisChild,
    simulator: Simulator,
    /// All connections share one session: a look only asks with it.
    tokens: Tokens,
}

/// A running hub.
pub(crate) struct Hub {
    pub(crate) process: Process,
    pub(crate) ops: u16,
}

impl<'a> Site<'a> {
    /// Starts Redis and the simulator, and makes keys.
    pub(crate) async fn start(program: &'a Path, dir: &'a Path) -> Result<Self> {
        let redis = RedisChild::start();
        let simulator = Simulator::start_on_thread(false);
        simulator.keep_requests(0);
        let app = simulator.create_app(AppOptions {
            client_id: Some("3MVG9compare".to_owned()),
            client_secret: Some("compare".to_owned()),
            ..AppOptions::default()
        });
        let org = simulator.create_org(Default::default());
        let tokens = simulator.authorize(&app, &simulator.create_user(&org, "ana@watch.example"));
        let site = Self { program, dir, redis, simulator, tokens };
        orgpass::keys(program, &site.configure(1)?.0, dir).await?;
        Ok(site)
    }

    /// Imports connections with these numbers, in two halves at the same time.
    pub(crate) async fn import(&self, numbers: Range<usize>) -> Result<()> {
        let middle = usize::midpoint(numbers.start, numbers.end);
        let (config, _) = self.configure(1)?;
        let import = |part: Range<usize>| {
            let lines = part.map(|number| format!("{}\n", self.document(number))).collect();
            orgpass::import(self.program, &config, lines, self.dir)
        };
        tokio::try_join!(import(numbers.start..middle), import(middle..numbers.end))?;
        Ok(())
    }

    /// A connection as it is imported. Its refresh token is its own; no session
    /// ends, so that it is never sent.
    fn document(&self, number: usize) -> serde_json::Value {
        json!({
            "tenant": format!("tenant-{number:06}"),
            "instance_url": self.tokens.instance_url,
            "access_token": self.tokens.access_token,
            "refresh_token": format!("5Aep861watch{number:06}"),
            "login_url": self.simulator.url(),
        })
    }

    /// Starts a hub that makes at most `rate` looks a second.
    pub(crate) async fn hub(&self, rate: u32) -> Result<Hub> {
        let (config, ops) = self.configure(rate)?;
        let mut process = orgpass::serve(self.program, &config, self.dir)?;
        listening(&mut process, ops).await?;
        Ok(Hub { process, ops })
    }

    /// Writes a configuration; where, and the port of the metrics.
    fn configure(&self, rate: u32) -> Result<(PathBuf, u16)> {
        let ops = free_port()?;
        let text = include_str!("../../config/hub.toml")
            .replace("{{LISTEN}}", &free_port()?.to_string())
            .replace("{{OPS}}", &ops.to_string())
            .replace("{{STORE}}", &self.redis.url())
            .replace("{{LOGIN}}", &self.simulator.url())
            .replace("{{RATE}}", &rate.to_string())
            .replace("{{DIR}}", &self.dir.display().to_string());
        let file = self.dir.join("orgpass.toml");
        std::fs::write(&file, text)?;
        Ok((file, ops))
    }

    /// Processor time of Redis.
    pub(crate) fn redis_cpu(&self) -> Result<Duration> {
        let info = self.redis.info("cpu");
        let seconds = |name: &str| -> Result<f64> {
            let line = info.lines().find_map(|line| line.strip_prefix(name));
            Ok(line.with_context(|| format!("no {name} in INFO"))?.trim().parse()?)
        };
        Ok(Duration::from_secs_f64(seconds("used_cpu_sys:")? + seconds("used_cpu_user:")?))
    }

    /// How many connections are in the schedule.
    pub(crate) fn scheduled(&self) -> Result<usize> {
        Ok(redis::cmd("ZCARD").arg(DUE).query(&mut self.redis.raw())?)
    }

    /// How many [`Site::make_overdue`] made overdue and have not been taken since.
    pub(crate) fn overdue(&self) -> Result<usize> {
        Ok(redis::cmd("ZCOUNT").arg(DUE).arg(0).arg(0).query(&mut self.redis.raw())?)
    }

    /// Makes every connection overdue, as after a long time without any hub.
    pub(crate) fn make_overdue(&self) -> Result<()> {
        let every = ["1", DUE, "WEIGHTS", "0"];
        Ok(redis::cmd("ZUNIONSTORE").arg(DUE).arg(&every).exec(&mut self.redis.raw())?)
    }

    /// Takes every connection out of the schedule.
    pub(crate) fn forget_schedule(&self) -> Result<()> {
        Ok(redis::cmd("DEL").arg(DUE).exec(&mut self.redis.raw())?)
    }
}

impl Hub {
    /// Stops it in order.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.process.signal(Signal::SIGTERM)?;
        ensure!(self.process.ends_within(STOP).await?, "the hub does not stop");
        Ok(())
    }
}
