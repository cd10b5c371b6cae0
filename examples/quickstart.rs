//! Orgpass before a simulated Salesforce, in one process: two tenants, two orgs, and lines to try.
//!
//! `cargo run --example quickstart` stays up until Ctrl-C. With `-- --check` it makes the calls itself, shows each as
//! the caller sent it and as the org received it, and exits 0, or 1 if anything was not as it should be.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "talking to a person is what an example is for")]

#[path = "quickstart/call.rs"]
mod call;
#[path = "quickstart/check.rs"]
mod check;
#[path = "quickstart/connect.rs"]
mod connect;
#[path = "quickstart/demo.rs"]
mod demo;

use std::process::ExitCode;

use anyhow::Context;

use demo::Demo;

const USAGE: &str = "usage: cargo run --example quickstart [-- --check]";
/// The exit code for a wrong command line (EX_USAGE).
const WRONG_USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = match arguments.as_slice() {
        [] => stay_up(),
        ["--check"] => check(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    ran.unwrap_or_else(|error| {
        eprintln!("quickstart: {error:#}");
        ExitCode::FAILURE
    })
}

fn stay_up() -> anyhow::Result<ExitCode> {
    let signals = orgpass::shutdown::Signals::listen().context("no signals can be received")?;
    let runtime = runtime()?;
    let demo = Demo::start(&runtime, demo::Ports::Usual)?;
    println!("{}", invitation(&demo));
    signals.wait(demo.stopping()).context("no signals can be received")?;
    println!("\nStopping.");
    Ok(exit_code(demo.stop()))
}

fn check() -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    let demo = Demo::start(&runtime, demo::Ports::Free)?;
    let all_well = runtime.block_on(check::check(&demo))?;
    Ok(exit_code(demo.stop() && all_well))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime can be made")
}

fn exit_code(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is running, and what to type.
fn invitation(demo: &Demo) -> String {
    let (acme, globex) = (&demo.acme, &demo.globex);
    format!(
        "
Orgpass is running, with two connections in an embedded store that goes when it stops:

  callers     {proxy}
  operators   {ops}      (/readyz, /metrics)
  hub         {hub}
  {acme_key:<23}  ->  {acme_url}   a simulated org
  {globex_key:<23}  ->  {globex_url}   another one

None of these lines holds a credential. Ask each tenant's org for its accounts:

  {acme_call}

  {globex_call}

Connect a third org yourself, in a browser. Log in as {newcomer_name} with the password {newcomer_password}:

  {link}

Then its calls go through too:

  {newcomer_call}

A client library that wants an access token is given the local token, which only names the connection:

  {token_call}

End all sessions of acme's org, as Salesforce would after some idle hours. Then ask again: still 200, and the
header \"orgpass-replay: done\" says that the call met a dead session and was sent again with a new token.

  {expire}

What the orgs received, with the tokens that Orgpass put in (they are the simulator's, and worth nothing):

  {received}

Ctrl-C stops it. Each call writes a line below.
",
        link = demo.link,
        newcomer_name = demo.newcomer.username,
        newcomer_password = demo.newcomer.password,
        newcomer_call = demo.accounts_of_newcomer().curl(),
        proxy = demo.proxy_url(),
        ops = demo.ops_url(),
        hub = demo.hub_url(),
        acme_key = acme.key.to_string(),
        acme_url = acme.org.instance_url(),
        globex_key = globex.key.to_string(),
        globex_url = globex.org.instance_url(),
        acme_call = demo.accounts_of(acme).curl(),
        globex_call = demo.accounts_of(globex).curl(),
        token_call = demo.accounts_by_local_token(acme).curl(),
        expire = demo.expire_sessions_of(acme).curl(),
        received = demo.received_requests().curl(),
    )
}
