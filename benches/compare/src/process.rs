//! A child process: its life, its signals, and what the kernel says it used.
//! It never outlives this program, not even after `kill -9`.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A running child whose output goes to a file.
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    log: PathBuf,
}

impl Process {
    /// Starts `program` in `dir`, where it writes `name.log`.
    pub(crate) fn start<I, S>(name: &str, program: &Path, args: I, dir: &Path) -> Result<Self>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let log = dir.join(format!("{name}.log"));
        let output = File::create(&log)?;
        // Our own drop kills; setpriv covers an end without drops. It replaces
        // itself by the program, so the process id is the program's.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let id = child.id().context("the process has ended already")?;
        let pid = Pid::from_raw(id.try_into()?);
        Ok(Self { child, pid, log })
    }

    /// Fails with the end of its output if the process has ended.
    pub(crate) fn check_running(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        let output = self.output()?;
        let from = output.len().saturating_sub(2000);
        bail!(
            "ended with {status}: {}",
            output.get(from..).unwrap_or(&output).trim()
        )
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(self.pid, signal)?)
    }

    /// Waits for the end, but not for long.
    pub(crate) async fn ends_within(&mut self, limit: Duration) -> Result<bool> {
        match timeout(limit, self.child.wait()).await {
            Ok(status) => status.map(|_| true).map_err(Into::into),
            Err(_) => Ok(false),
        }
    }

    /// What it has written so far.
    pub(crate) fn output(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).into_owned())
    }

    /// Processor time of all its threads, ended ones too.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        Ok(clock_getcpuclockid(self.pid)?.now()?.into())
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let value = line.and_then(|line| line.split_whitespace().next());
        Ok(value.context("no VmRSS in status")?.parse()?)
    }
}

impl Drop for Process {
    /// Kills it and waits until it is gone, so that it leaves no zombie.
    fn drop(&mut self) {
        if self.child.start_kill().is_err() {
            return;
        }
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
