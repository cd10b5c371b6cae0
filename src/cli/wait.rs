//! `orgpass wait`: blocks until a running `serve` is ready; with no patience at all, a health probe.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Exit, Failure, Surroundings};
use crate::config::Config;

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A process that takes longer for one answer is not well.
const ONE_LOOK: Duration = Duration::from_secs(5);
/// Far more than the answer has.
const MAX_ANSWER: usize = 4096;

/// Wait until the running orgpass serve is ready to carry calls
///
/// Asks its operators' listener. Ready means that calls are carried, if only some: what is missing is said on standard
/// error. Exits with 69 if it is not ready in time. With --timeout 0 it looks once, which is what a health probe wants.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  orgpass wait && exec my-app\n  orgpass wait --timeout 0\n  \
                        orgpass wait --ops 127.0.0.1:8181")]
pub(super) struct WaitArguments {
    /// For how long, in seconds
    #[arg(long, value_name = "S", default_value_t = 60)]
    timeout: u32,
    /// Where to ask, without reading a configuration [default: ops.listen]
    #[arg(long, value_name = "ADDRESS")]
    ops: Option<SocketAddr>,
}

impl WaitArguments {
    pub(super) fn run(
        self,
        load: impl FnOnce() -> Result<Config, Failure>,
        around: &mut Surroundings<'_>,
    ) -> Result<Exit, Failure> {
        let ops = match self.ops {
            Some(ops) => ops,
            None => reachable(load()?.ops.listen),
        };
        let deadline = Instant::now() + Duration::from_secs(self.timeout.into());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let seen = runtime.block_on(async {
            loop {
                let seen = tokio::time::timeout(ONE_LOOK, look(ops)).await.unwrap_or_else(|_| Err("no answer".into()));
                if matches!(seen, Ok((StatusCode::OK, _))) || Instant::now() >= deadline {
                    return seen;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        });
        let not_ready = |why: &str| Failure::new(Exit::Unavailable, format!("not ready: http://{ops}/readyz: {why}"));
        match seen {
            Ok((StatusCode::OK, words)) => {
                if words.contains("degraded") {
                    writeln!(around.errors, "orgpass: ready, {words}")?;
                }
                Ok(Exit::Success)
            }
            Ok((status, words)) => Err(not_ready(&format!("{status} {words}"))),
            Err(why) => Err(not_ready(&why)),
        }
    }
}

/// Where a process that listens everywhere is found from the same machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn look(ops: SocketAddr) -> Result<(StatusCode, String), String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let stream = TcpStream::connect(ops).await.map_err(|error| told(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| told(&error))?;
    let connection = tokio::spawn(connection);
    let request = Request::get("/readyz").header("host", ops.to_string()).body(Empty::<Bytes>::new());
    let answer = sender.send_request(request.map_err(|error| told(&error))?).await.map_err(|error| told(&error))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| told(&error))?;
    connection.abort();
    Ok((status, String::from_utf8_lossy(&body.to_bytes()).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_listens_everywhere_is_asked_on_loopback() {
        for (listen, asked) in
            [("0.0.0.0:8181", "127.0.0.1:8181"), ("[::]:8181", "[::1]:8181"), ("10.0.0.7:8181", "10.0.0.7:8181")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
