//! A child process: its life, its signals, and what the kernel says it used.
//! It never outlives this program, not even after `kill -9`.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How much of a child's output is kept, from its end.
const TAIL: usize = 16 * 1024;

/// A running child whose output is read all the time, as a container runtime
/// does, so that a log line costs it what it costs in earnest.
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    tail: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Process {
    /// Starts `program` in `dir`.
    pub(crate) fn start<I, S>(program: &Path, args: I, dir: &Path) -> Result<Self>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let (output, input) = std::io::pipe()?;
        // Our own drop kills; setpriv covers an end without drops. It replaces
        // itself by the program, so the process id is the program's.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(input.try_clone()?)
            .stderr(input)
            .spawn()?;
        let id = child.id().context("the process has ended already")?;
        let pid = Pid::from_raw(id.try_into()?);
        let tail = Arc::default();
        let output = Receiver::from_owned_fd(output.into())?;
        let reader = tokio::spawn(read(output, Arc::clone(&tail)));
        Ok(Self { child, pid, tail, reader })
    }

    /// Fails with the end of its output if the process has ended.
    pub(crate) async fn check_running(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        self.read_to_end().await?;
        bail!("ended with {status}: {}", self.output().trim())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(self.pid, signal)?)
    }

    /// Waits for the end, but not for long.
    pub(crate) async fn ends_within(&mut self, limit: Duration) -> Result<bool> {
        let Ok(status) = timeout(limit, self.child.wait()).await else {
            return Ok(false);
        };
        status?;
        self.read_to_end().await?;
        Ok(true)
    }

    /// The end of what it has written so far.
    pub(crate) fn output(&self) -> String {
        let tail = self.tail.lock().expect("no holder panics");
        String::from_utf8_lossy(&tail).into_owned()
    }

    async fn read_to_end(&mut self) -> Result<()> {
        if !self.reader.is_finished() {
            (&mut self.reader).await?;
        }
        Ok(())
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

async fn read(mut output: Receiver, tail: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = output.read(&mut buffer).await {
        let mut tail = tail.lock().expect("no holder panics");
        tail.extend_from_slice(&buffer[..length]);
        let surplus = tail.len().saturating_sub(TAIL);
        tail.drain(..surplus);
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
