//! The proxies under comparison: how each is configured and started, and the
//! check that it does what it is measured for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::machine::Tools;
use crate::orgpass;
use crate::process::Process;
use crate::upstream::{PATH, Upstream, free_port, nginx_args};

/// Long enough for Envoy on a busy machine.
const START: Duration = Duration::from_secs(30);

/// One proxy of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    Orgpass,
    Nginx,
    Haproxy,
    Envoy,
    Relay,
}

impl Peer {
    /// All, in the order of the tables.
    pub(crate) fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Orgpass => "Orgpass",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
            Self::Relay => "relay",
        })
    }
}

/// A proxy that has answered its first request.
pub(crate) struct Proxy {
    pub(crate) peer: Peer,
    pub(crate) port: u16,
    pub(crate) process: Process,
    /// Resident memory before the first request.
    pub(crate) idle_kib: u64,
}

/// Starts `peer` and waits until it relays a request as it should.
pub(crate) async fn start(peer: Peer, tools: &Tools, orgpass: &Path, upstream: &Upstream, dir: &Path) -> Result<Proxy> {
    let port = free_port()?;
    let write = |name: &str, template: &str| -> Result<PathBuf> {
        let path = dir.join(name);
        std::fs::write(&path, fill(template, port, upstream, dir)?)?;
        Ok(path)
    };
    let mut process = match peer {
        Peer::Orgpass => {
            let config = write("orgpass.toml", include_str!("../config/orgpass.toml"))?;
            orgpass::start(orgpass, &config, orgpass::connections(upstream.port), dir).await?
        }
        Peer::Nginx => {
            write("nginx.conf", include_str!("../config/nginx.conf"))?;
            Process::start(&tools.nginx, nginx_args(dir, "nginx.conf"), dir)?
        }
        Peer::Haproxy => {
            let config = write("haproxy.cfg", include_str!("../config/haproxy.cfg"))?;
            let program = tools.haproxy.as_deref().context("no haproxy")?;
            Process::start(program, ["-db".as_ref(), "-f".as_ref(), config.as_os_str()], dir)?
        }
        Peer::Envoy => {
            let config = write("envoy.yaml", include_str!("../config/envoy.yaml"))?;
            let program = tools.envoy.as_deref().context("no envoy")?;
            let flags = ["--concurrency", "1", "--disable-hot-restart", "-l", "warn", "-c"];
            Process::start(program, flags.iter().map(Path::new).chain([config.as_path()]), dir)?
        }
        Peer::Relay => {
            let flags = ["relay", "--listen", &port.to_string(), "--upstream", &upstream.port.to_string(), "--ca"]
                .map(PathBuf::from);
            let program = std::env::current_exe()?;
            Process::start(&program, flags.iter().chain([&upstream.ca]), dir)?
        }
    };
    listening(&mut process, port).await?;
    // Start-up work beside the listener must not be taken for idle memory.
    sleep(Duration::from_secs(1)).await;
    let idle_kib = process.resident_kib()?;
    check(peer, &mut process, port).await?;
    Ok(Proxy { peer, port, process, idle_kib })
}

/// A made-up access token, as long as a real one.
pub(crate) fn token(number: usize) -> String {
    format!("00D000000000001!AQ{number:0>94}")
}

fn fill(template: &str, port: u16, upstream: &Upstream, dir: &Path) -> Result<String> {
    Ok(template
        .replace("{{OPS}}", &free_port()?.to_string())
        .replace("{{LISTEN}}", &port.to_string())
        .replace("{{UPSTREAM}}", &upstream.port.to_string())
        .replace("{{TOKEN}}", &token(0))
        .replace("{{DIR}}", &dir.display().to_string()))
}

/// Waits until the process takes connections.
pub(crate) async fn listening(process: &mut Process, port: u16) -> Result<()> {
    let deadline = Instant::now() + START;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        process.check_running().await?;
        if Instant::now() > deadline {
            bail!("does not listen after {START:?}: {}", process.output().trim());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// One request must come back with 200, and with a token where the proxy is one
/// that adds it.
async fn check(peer: Peer, process: &mut Process, port: u16) -> Result<()> {
    let answer = timeout(START, ask(port)).await.context("no answer")??;
    process.check_running().await?;
    let authorized = answer.to_ascii_lowercase().contains("\r\nx-authorized: yes\r\n");
    if !answer.starts_with("HTTP/1.1 200") || authorized == (peer == Peer::Relay) {
        bail!("wrong answer to the first request: {answer}\n{}", process.output().trim());
    }
    Ok(())
}

async fn ask(port: u16) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request =
        format!("GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrgpass-Tenant: t-1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
