//! The integration tests: Orgpass in this process, before a simulated Salesforce, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod addressing;
mod ahead;
mod alerting;
mod architecture;
mod authenticating;
mod binary;
mod bodies;
mod caller;
mod certifying;
mod chaos;
mod clients;
mod cometd;
mod connecting;
mod delivering;
mod documents;
mod encrypting;
mod exchanging;
#[cfg(feature = "otlp")]
mod exporting;
mod fencing;
mod framing_of_answers;
mod granting;
mod hubbing;
mod logging_in;
mod managing;
mod monitoring;
mod operating;
mod peers;
mod refusing;
mod rekeying;
mod replaying;
mod restoring;
mod sanitizing;
mod soap;
mod storing;
mod streaming;
mod subscribing;
mod targeting;
mod tunnelling;
mod unread;
mod warm;
mod world;
