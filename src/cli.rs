//! The command line: one file per command. Every command ends in an [`Exit`]; what it has to say goes to standard output,
//! what went wrong to standard error, and a secret to neither.

mod apps;
mod ca;
mod config_check;
mod connection;
mod device;
mod doctor;
mod drain;
mod events;
mod exit;
mod import;
mod keys;
mod link;
mod list;
mod ndjson;
mod operator;
mod output;
mod remove;
mod serve;
mod single;
mod wait;

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};

use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  orgpass keys new > session.keys
  orgpass config check
  orgpass serve
  orgpass connection import --tenant acme --instance-url https://acme.my.salesforce.com < acme.json
  orgpass connection list

Exit codes: 0 success, 1 failure, 64 bad configuration or arguments, 65 bad input, 66 no such connection,
69 unavailable, 73 conflict, 75 try again, 77 refused. Full list: docs/cli.md";

/// A sidecar authenticating reverse proxy for Salesforce.
#[derive(Debug, Parser)]
#[command(name = "orgpass", version, after_help = EXAMPLES, disable_help_subcommand = true)]
struct Cli {
    /// The configuration [default: ORGPASS_CONFIG, then orgpass.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy until it is asked to stop (SIGTERM or Ctrl-C; a second one ends it at once)
    #[command(after_help = "Examples:\n  orgpass serve\n  orgpass serve --config /etc/orgpass/orgpass.toml")]
    Serve,
    Events(events::EventsArguments),
    Doctor(doctor::DoctorArguments),
    Wait(wait::WaitArguments),
    Drain(drain::DrainArguments),
    /// Look at the configuration
    #[command(subcommand)]
    Config(config_check::Command),
    /// Make, derive, rotate and retire the keys that seal what the store keeps
    #[command(subcommand)]
    Keys(keys::Command),
    /// Make or show the certificate for clients that insist on TLS
    #[command(subcommand)]
    Ca(ca::Command),
    /// Bring, show or forget the app of a tenant, under which its own connections are made
    #[command(subcommand)]
    Apps(apps::Command),
    /// Link, import, list, show, check, refresh or remove connections
    ///
    /// Talks to the running orgpass serve through its control socket, or opens the store itself when none runs.
    #[command(subcommand)]
    Connection(connection::Command),
}

/// What a command reads, writes and knows of its surroundings.
pub struct Surroundings<'a> {
    /// The environment variables.
    pub env: Vec<(String, String)>,
    /// Standard input.
    pub input: &'a mut dyn BufRead,
    /// Standard output.
    pub output: &'a mut dyn Write,
    /// Standard error.
    pub errors: &'a mut dyn Write,
    /// Whether a person watches standard error.
    pub interactive: bool,
}

/// Runs one command line, its program name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>, mut around: Surroundings<'_>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &mut around),
    };
    match cli.command.run(cli.config, &mut around) {
        Ok(exit) => exit,
        Err(failure) => {
            if !failure.message.is_empty() {
                // Nobody is left to be told when standard error is gone.
                let _ = writeln!(around.errors, "orgpass: {}", failure.message);
            }
            failure.exit
        }
    }
}

impl Command {
    fn run(self, file: Option<PathBuf>, around: &mut Surroundings<'_>) -> Result<Exit, Failure> {
        let env = std::mem::take(&mut around.env);
        let load = || Config::load(file.as_deref(), env).map_err(Failure::from);
        match self {
            Self::Serve => serve::run(&load()?),
            Self::Events(arguments) => arguments.run(&load()?, around),
            Self::Doctor(arguments) => arguments.run(load, around),
            Self::Wait(arguments) => arguments.run(load, around),
            Self::Drain(arguments) => arguments.run(&load()?),
            Self::Config(command) => command.run(&load()?, around),
            Self::Keys(command) => command.run(load, around),
            Self::Ca(command) => command.run(around),
            Self::Apps(command) => command.run(&load()?, around),
            Self::Connection(command) => command.run(&load()?, around),
        }
    }
}

/// Help and version are what was asked for; anything else is a wrong command line.
fn usage(error: &clap::Error, around: &mut Surroundings<'_>) -> Exit {
    let text = error.render();
    // As above: there is nobody else to tell.
    if error.use_stderr() {
        let _ = write!(around.errors, "{text}");
        return Exit::Usage;
    }
    let _ = write!(around.output, "{text}");
    Exit::Success
}

#[cfg(test)]
mod tests;
