//! Orgpass as an operator sets it up: keys, a thousand imported connections,
//! the embedded store, `serve`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::WORKSPACE;
use crate::process::Process;
use crate::proxies::token;

/// As many as the load script names.
const TENANTS: usize = 1000;

/// Builds what ships and returns its path.
pub(crate) async fn build() -> Result<PathBuf> {
    let script = Path::new(WORKSPACE).join("scripts/release");
    let output = Command::new(script).stderr(Stdio::inherit()).output().await?;
    if !output.status.success() {
        bail!("scripts/release ended with {}", output.status);
    }
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// Makes keys, imports `connections`, one line each, and starts `serve`.
pub(crate) async fn start(program: &Path, config: &Path, connections: String, dir: &Path) -> Result<Process> {
    keys(program, config, dir).await?;
    import(program, config, connections, dir).await?;
    serve(program, config, dir)
}

/// Makes both key rings and the client secret.
pub(crate) async fn keys(program: &Path, config: &Path, dir: &Path) -> Result<()> {
    for ring in ["session.keys", "grant.keys"] {
        let key = command(program, &["keys", "new"], config, dir, None).await?;
        std::fs::write(dir.join(ring), key)?;
    }
    Ok(std::fs::write(dir.join("client-secret"), "compare\n")?)
}

/// Imports connections, one line each.
pub(crate) async fn import(program: &Path, config: &Path, connections: String, dir: &Path) -> Result<()> {
    let import = ["connection", "import", "--ndjson"];
    command(program, &import, config, dir, Some(connections)).await?;
    Ok(())
}

/// Starts `serve`.
pub(crate) fn serve(program: &Path, config: &Path, dir: &Path) -> Result<Process> {
    let args = ["serve".as_ref(), "--config".as_ref(), config.as_os_str()];
    Process::start(program, args, dir)
}

/// One line a tenant: an access token and nothing to renew it with.
pub(crate) fn connections(port: u16) -> String {
    let instance_url = format!("https://127.0.0.1:{port}");
    let line = |number: usize| {
        serde_json::json!({
            "tenant": format!("t-{number}"),
            "instance_url": instance_url,
            "access_token": token(number),
        })
    };
    (1..=TENANTS).map(|number| format!("{}\n", line(number))).collect()
}

/// Runs one command of the program to its end and returns its standard output.
async fn command(program: &Path, args: &[&str], config: &Path, dir: &Path, input: Option<String>) -> Result<Vec<u8>> {
    let mut child = Command::new(program)
        .args(args)
        .env("ORGPASS_CONFIG", config)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let write = async move { stdin.write_all(input.unwrap_or_default().as_bytes()).await };
    let (written, output) = tokio::join!(write, child.wait_with_output());
    let output = output?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("orgpass {} ended with {}: {}", args.join(" "), output.status, text.trim());
    }
    written.context("the import did not read all its input")?;
    Ok(output.stdout)
}
