//! The integration tests: Orgpass in this process, before a simulated Salesforce, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]
#![allow(unreachable_pub, reason = "the binary's modules share what they need")]

mod architecture;
mod authenticating;
mod caller;
mod documents;
mod fencing;
mod operating;
mod sanitizing;
mod storing;
mod world;
