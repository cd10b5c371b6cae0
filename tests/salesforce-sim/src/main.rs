//! `salesforce-sim [--listen ADDR] [--tls]`: the simulator as a process of its own. It prints one line of
//! JSON that says where it is, and runs until it is interrupted or terminated.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use salesforce_sim::Simulator;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: salesforce-sim [--listen ADDR:PORT] [--tls]

  --listen  where the login host and the control API listen (127.0.0.1:0);
            each org gets a free loopback port of its own
  --tls     speak https with a certificate made for this run; the line
            printed at the start holds the authority's certificate

The Pub/Sub API has a free loopback port of its own, pubsub_addr in that
line, and speaks TLS with or without --tls. Of the control API, below
/__sim/, these are about events:

  POST events       {\"org_id\", \"channel\", \"events\": [{...}, ...]}
                    publishes on /event/NAME__e or /topic/NAME
  POST event-types  {\"org_id\", \"channel\", \"example\": {...}}
                    gives an event the fields of the example
  POST streams      {\"poll\": SECONDS, \"keep_alive\": SECONDS}
                    how long polls are held (110), and after how long
                    without an event a subscriber hears of it (270)
  POST streams/drain
                    lets connections of the Pub/Sub API take no more calls
  POST streams/cut  breaks held polls and running streams
";
/// The exit code for a wrong command line (EX_USAGE).
const WRONG_USAGE: u8 = 64;

struct Arguments {
    listen: SocketAddr,
    tls: bool,
}

fn main() -> ExitCode {
    if std::env::args().skip(1).any(|argument| argument == "--help") {
        let _ = write!(std::io::stdout(), "{USAGE}");
        return ExitCode::SUCCESS;
    }
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            let _ = write!(std::io::stderr(), "{problem}\n{USAGE}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "salesforce-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), tls: false };
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--tls" => arguments.tls = true,
            "--listen" => {
                let addr = given.next().ok_or("--listen needs an address")?;
                arguments.listen = addr.parse().map_err(|_| format!("not an address with a port: {addr}"))?;
            }
            other => return Err(format!("unknown argument: {other}")),
        }
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let sim = Simulator::start_at(arguments.listen, arguments.tls).await?;
        let place = json!({
            "addr": sim.addr().to_string(),
            "url": sim.url(),
            "sandbox_url": sim.sandbox_url(),
            "account_engagement_url": sim.account_engagement_url(),
            "platform_url": sim.platform_url(),
            "control": format!("{}/__sim/", sim.url()),
            "pubsub_addr": sim.pubsub_addr().to_string(),
            "ca_pem": sim.ca_pem(),
        });
        writeln!(std::io::stdout(), "{place}")?;
        std::io::stdout().flush()?;
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        Ok(())
    })
}
