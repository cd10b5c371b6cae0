//! A simulated Salesforce, as strict as the real one as far as it goes: apps, orgs, users, OAuth with
//! rotating refresh tokens, sessions that time out, and the APIs: REST with all that is below it, SOAP, Bulk 1
//! and 2, identity, events, and those on hosts of their own. What one API writes, the others read. Tests create
//! what they need with [`Simulator`], break it with [`Fault`]s, and ask the record what arrived.
//! It knows nothing of the proxy that it is there to test.
//!
//! Events are published with [`Simulator::publish`], by creating a record of `Order__e` over any data API, or
//! over the Pub/Sub API, and kept for 72 hours of the simulator's clock. They are read in two ways:
//!
//! - The streaming API, Bayeux at `/cometd/NN.0` of each org: polls held for up to 110 seconds (see
//!   [`Simulator::hold_polls`]), replay, batches, client ids that are good only with the cookies of their handshake.
//!   The cookies are those of the real service, so a client that refuses cookies of `.salesforce.com` from a loopback
//!   address has to reach an org by the name that [`Org::my_domain`] tells.
//! - The Pub/Sub API at [`Simulator::pubsub_addr`], gRPC over TLS by the authority of [`Simulator::ca_pem`]:
//!   `GetTopic`, `GetSchema`, `Publish`, `PublishStream` and `Subscribe`, with the messages of [`eventbus`]. The
//!   effects that strike its calls are `Delay`, `Hold`, `HoldAnswer`, `DropBeforeProcessing`, `ConnectionReset`,
//!   `LoseResponse`, `Status`, and `EarlyAnswer`, which says that the session is dead.
//!
//! Held polls and running streams end as soon as their session does; [`Simulator::cut_streams`] breaks them, and
//! [`Simulator::drain_pubsub`] makes their connections take no more calls.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod eventbus;
mod simulator;

mod doors;
mod listener;
mod tls;
mod wire;

mod call;
mod control;
mod faults;
mod record;
mod service;

mod events;
mod pubsub;
mod streaming;

mod approval;
mod authorize;
mod device;
mod identity;
mod introspect;
mod login;
mod oauth_error;
mod openid;
mod page;
mod revoke;
mod token_endpoint;

mod anonymous;
mod bulk;
mod dead_session;
mod describe;
mod metadata;
mod rest;
mod soap;
mod xml;

mod account_engagement;
mod data_cloud;
mod platform;

mod answer;
mod body;
mod multipart;
mod stop;
mod upload;
mod zip;

mod app_key;
mod calendar;
mod clock;
mod csv;
mod ids;
mod jwt;
mod state;

pub use app_key::AppKey;
pub use dead_session::ApiFamily;
pub use faults::{ActiveFault, Effect, Fault};
pub use record::{RecordedHeaders, RecordedRequest};
pub use simulator::{Org, Simulator};
pub use state::apps::{App, AppOptions};
pub use state::exchanges::{Exchange, Exchanged, Fate};
pub use state::grants::Tokens;
pub use state::orgs::{OldInstance, OrgKind, OrgOptions, User};
