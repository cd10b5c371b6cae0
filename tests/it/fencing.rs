//! Requests that must not be relayed, sent byte for byte over real sockets: each gets its clear error, and the org's
//! record shows that nothing arrived.

mod framing;
mod hosts;
mod paths;
mod tags;

use crate::caller::Reply;
use crate::world::World;

const LIMITS: &str = "/services/data/v67.0/limits";

/// A request's head: the request line's target and further header lines, from a caller that does everything else right.
fn get(target: &str, headers: &[&str]) -> String {
    request(&format!("GET {target} HTTP/1.1"), &[&["Host: localhost", "Connection: close"], headers].concat())
}

/// A request of exactly these lines.
fn request(line: &str, headers: &[&str]) -> String {
    format!("{line}\r\n{}\r\n\r\n", headers.join("\r\n"))
}

/// Sends a request that must be answered once, with this status and error code and a text that contains `says`.
async fn refused(world: &World, request: &str, status: u16, error: &str, says: &str) -> Reply {
    let mut replies = world.caller().raw(request).await;
    assert_eq!(replies.len(), 1, "{request}");
    let reply = replies.remove(0);
    assert_eq!((reply.status.as_u16(), reply.error()), (status, Some(error)), "{request}: {}", reply.text());
    assert!(reply.text().contains(says), "{request}: {}", reply.text());
    reply
}

/// Nothing has arrived at any org or login host.
fn nothing_arrived(world: &World) {
    let requests = world.sim.requests();
    assert!(requests.is_empty(), "{requests:?}");
}

/// Exactly one request has arrived at an org since the last look.
fn one_arrived(world: &World) -> salesforce_sim::RecordedRequest {
    let mut requests = world.sim.requests();
    world.sim.clear_requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    requests.remove(0)
}
