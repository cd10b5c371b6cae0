//! Real Salesforce clients, unmodified, set up by the snippets of `docs/clients.md` and nothing else: what they do goes
//! on when the org's session dies, two tenants in one process stay apart, and what is refused is shown and ends.
//! `scripts/clients` installs them; their scripts are in `tests/clients/`.

mod aiosalesforce;
mod aiosfstream;
mod heroku_applink;
mod heroku_applink_node;
mod jsforce;
mod jsforce_node;
mod jsforce_streaming;
mod mcp_server_salesforce;
mod parts;
mod pubsub_api_client;
mod rustforce;
mod salesforce_bulk;
mod salesforce_cli;
mod salesforce_core;
mod scene;
mod simple_salesforce;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Far more than any script takes on a loaded machine, in seconds.
const PATIENCE: &str = "240";

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What runs a client's script.
#[derive(Clone, Copy)]
pub enum Runs {
    /// The Python that has what `tests/clients/requirements.txt` lists.
    Python,
    /// Node, with what `tests/clients/package-lock.json` lists.
    Node,
    /// A newer Node, with what `tests/clients/large/package-lock.json` lists.
    NewerNode,
    /// Itself: it is a program that `scripts/clients --all` builds.
    Program,
}

/// One client.
#[derive(Clone, Copy)]
pub struct Client {
    runs: Runs,
    /// The path of its script below `tests/clients/`, or of its program below `target/clients/`.
    script: &'static str,
    /// The variable that tells it whom to trust, if it speaks TLS.
    trusts_by: Option<&'static str>,
    /// What else its documentation has one set, with `{ORGPASS_URL}` or `{ORGPASS_ADDRESS}` for where Orgpass is.
    environment: &'static [(&'static str, &'static str)],
}

impl Client {
    pub const fn new(runs: Runs, script: &'static str) -> Self {
        Self { runs, script, trusts_by: None, environment: &[] }
    }

    /// With this variable, which is given the file of the local authority.
    pub const fn over_tls(self, variable: &'static str) -> Self {
        Self { trusts_by: Some(variable), ..self }
    }

    /// With these variables.
    pub const fn with(self, environment: &'static [(&'static str, &'static str)]) -> Self {
        Self { environment, ..self }
    }

    /// The script, about to be run with nothing of this process' environment.
    pub fn command(self, part: &str) -> Command {
        // A client that hangs is ended, and so has failed.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", PATIENCE]);
        let script = Path::new(ROOT).join("tests/clients").join(self.script);
        match self.runs {
            Runs::Python => command.arg(installed("python/bin/python")).arg(script),
            Runs::Node => {
                installed("node/node_modules");
                command.arg("node").arg(script)
            }
            Runs::NewerNode => command.arg(installed("newer-node")).arg(script),
            Runs::Program => command.arg(installed(self.script)),
        };
        command.arg(part).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

fn installed(what: &str) -> PathBuf {
    let path = Path::new(ROOT).join("target/clients").join(what);
    assert!(path.exists(), "run scripts/clients first: there is no {}", path.display());
    path
}
