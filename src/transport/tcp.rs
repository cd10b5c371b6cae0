//! Names become addresses, and addresses connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// The addresses of a host, whatever they are.
pub(super) async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match host.parse::<IpAddr>() {
        Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
        Err(_) => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
    }
}

/// Tries each address in the resolver's order, giving the first ones a short head start each.
pub(super) async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    const HEAD_START: Duration = Duration::from_secs(2);
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (left, address) in (1..=addresses.len()).rev().zip(addresses) {
        let attempt = TcpStream::connect(address);
        let outcome = if left == 1 {
            attempt.await
        } else {
            timeout(HEAD_START, attempt).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        };
        match outcome {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
