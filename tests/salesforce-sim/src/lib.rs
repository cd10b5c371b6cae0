//! A simulated Salesforce, as strict as the real one as far as it goes: apps, orgs, users, OAuth with
//! rotating refresh tokens, sessions that time out, and the REST, Bulk 1, identity and event APIs. Tests create
//! what they need with [`Simulator`], break it with [`Fault`]s, and ask the record what arrived.
//! It knows nothing of the proxy that it is there to test.

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
