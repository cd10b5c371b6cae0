//! What this machine has: the programs to run, and the facts that a reader of
//! the figures needs. Names neither the host nor a path.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::WORKSPACE;
use crate::proxies::Peer;

/// Where the programs are that are not ours.
pub(crate) struct Tools {
    pub(crate) nginx: PathBuf,
    pub(crate) wrk: PathBuf,
    pub(crate) haproxy: Option<PathBuf>,
    pub(crate) envoy: Option<PathBuf>,
}

impl Tools {
    /// Finds what `peers` need, or says everything that is missing.
    pub(crate) fn find(peers: &[Peer]) -> Result<Self> {
        let mut missing = Vec::new();
        let mut need = |program: &'static str, needed: bool| {
            let found = which(program);
            if needed && found.is_none() {
                missing.push(program);
            }
            found
        };
        let nginx = need("nginx", true);
        let wrk = need("wrk", true);
        let haproxy = need("haproxy", peers.contains(&Peer::Haproxy));
        let envoy = need("envoy", peers.contains(&Peer::Envoy));
        need("setpriv", true);
        match (nginx, wrk) {
            (Some(nginx), Some(wrk)) if missing.is_empty() => Ok(Self { nginx, wrk, haproxy, envoy }),
            _ => bail!("missing: {}. To install: benches/compare/setup", missing.join(", ")),
        }
    }

    /// The programs whose versions the page names, in its order.
    pub(crate) fn named<'a>(&'a self, orgpass: &'a Path) -> [Named<'a>; 6] {
        [
            ("Orgpass", Some(orgpass), "--version"),
            ("nginx", Some(self.nginx.as_path()), "-v"),
            ("HAProxy", self.haproxy.as_deref(), "-v"),
            ("Envoy", self.envoy.as_deref(), "--version"),
            ("wrk", Some(self.wrk.as_path()), "-v"),
            ("rustc", Some(Path::new("rustc")), "--version"),
        ]
    }
}

/// A program of the venv that `setup` makes, of `PATH`, or of the system
/// folders that an ordinary user's `PATH` leaves out.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let venv = Path::new(WORKSPACE).join("target/compare/venv/bin");
    std::iter::once(venv)
        .chain(std::env::split_paths(&path))
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// A program by its name in the page, where it is if it ran, and the flag that
/// makes it say its version.
pub(crate) type Named<'a> = (&'static str, Option<&'a Path>, &'static str);

/// What the figures depend on besides the proxies.
pub(crate) struct Facts {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) system: String,
    pub(crate) load: String,
    /// Program and version, in the order of the page.
    pub(crate) versions: Vec<(&'static str, String)>,
}

impl Facts {
    /// Reads `/proc` and asks each program for its version.
    pub(crate) fn read(programs: &[Named<'_>]) -> Result<Self> {
        let processor = field("/proc/cpuinfo", "model name", ':')?;
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let kernel: Vec<&str> = release.split('.').take(2).collect();
        let system = field("/etc/os-release", "PRETTY_NAME", '=')?;
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            processor,
            system: format!("{}, Linux {}", system.trim_matches('"'), kernel.join(".")),
            load: std::fs::read_to_string("/proc/loadavg")?.chars().take_while(|c| *c != ' ').collect(),
            versions: programs
                .iter()
                .filter_map(|(name, program, flag)| Some((*name, version((*program)?, flag)?)))
                .collect(),
        })
    }
}

fn field(file: &str, name: &str, separator: char) -> Result<String> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(separator));
    Ok(value.with_context(|| format!("{file} has no {name}"))?.1.trim().to_owned())
}

/// The first word of a program's version text that looks like `1.2.3`.
fn version(program: &Path, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text)
        .split(|c: char| c != '.' && !c.is_ascii_digit())
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .map(|word| word.trim_end_matches('.').to_owned())
}
