//! Tests that need a program nobody here wrote: a browser, an OAuth server, an API tester, an HTTP proxy. `scripts/peers` installs
//! them; their scripts and lists are in `tests/peers/`.

mod browser;
mod oidc;
mod schemathesis;
mod squid;
mod webhooks;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where the peers are.
pub struct Peers;

impl Peers {
    /// Node, about to run a script below `tests/peers/`.
    pub fn node(script: &str) -> Command {
        installed("node/node_modules");
        let mut command = Command::new("node");
        command.arg(Path::new(ROOT).join("tests/peers").join(script));
        command
    }

    /// The Python that has what `tests/peers/requirements.txt` lists.
    pub fn python() -> Command {
        Command::new(installed("python/bin/python"))
    }

    /// A program that came with a Python package: `st`, for one.
    pub fn python_program(name: &str) -> Command {
        Command::new(installed(&format!("python/bin/{name}")))
    }

    /// The HTTP proxy.
    pub fn squid() -> PathBuf {
        installed("squid")
    }

    /// A browser of Chromium's family.
    pub fn chromium() -> PathBuf {
        installed("chromium")
    }
}

fn installed(what: &str) -> PathBuf {
    let path = Path::new(ROOT).join("target/peers").join(what);
    assert!(path.exists(), "run scripts/peers first: there is no {}", path.display());
    path
}

/// What the program printed, once it has succeeded.
pub fn succeeded(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

#[test]
fn every_peer_answers() {
    let mut browser = Command::new(Peers::chromium());
    browser.arg("--version");
    assert!(succeeded(browser).contains("Chrom"));
    let node = succeeded(Peers::node("versions.mjs"));
    assert!(node.contains("axe-core 4.") && node.contains("oidc-provider 9."), "{node}");
    let mut python = Peers::python();
    python.args(["-c", "import standardwebhooks, schemathesis; print('there')"]);
    assert_eq!(succeeded(python).trim(), "there");
    let mut tester = Peers::python_program("st");
    tester.arg("--version");
    assert!(succeeded(tester).contains("4."));
}
