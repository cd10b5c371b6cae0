//! Orgpass: a sidecar authenticating reverse proxy for Salesforce. An application calls `127.0.0.1` without a credential
//! and names a tenant; Orgpass puts the token of that tenant's org on the call.
//!
//! This is the library of which the program `orgpass` is made. What keeps its word between versions is the program: its
//! command line, configuration, HTTP routes, metrics and error codes. The modules are public for the tests, the
//! quickstart and the benchmarks, and change as they need to.
//!
//! To see how a call goes, read [`proxy`] first, whose steps stand in order, then [`token::TokenSource`], where calls meet
//! tokens.
//!
//! # Layout, in reading order
//! - [`connection`]: the words: tenant, user, generation, status, cause
//! - [`secret`]: the one type that carries a credential, and files that hold one
//! - [`vault`]: sealing and opening what the store keeps
//! - [`store`]: where connections live: Redis or an embedded file
//! - [`salesforce`]: how Salesforce behaves: hosts, API families, token errors, limits; pure functions
//! - [`proxy`]: a request's path from caller to org
//! - [`transport`]: the only outbound client
//! - [`oauth`]: the token endpoint
//! - [`token`]: the token engine: what the proxy asks for tokens
//! - [`metrics`]: every metric
//! - [`traces`]: which calls are traced, and the export of their spans
//! - [`management`]: what an operator does to connections
//! - [`hub`]: what exchanges for processes without grant keys, and watches all connections
//! - [`control`]: the socket by which the command line reaches a running process
//! - [`server`], [`ops`], [`shutdown`], [`access_log`], [`telemetry`]: running as a process
//! - [`settings`]: how a module reads its section of the configuration
//! - [`config`]: the whole configuration
//! - [`app`]: builds, starts and stops all parts
//! - [`cli`]: the command line

pub mod access_log;
pub mod app;
pub mod cli;
pub mod config;
pub mod connection;
pub mod control;
pub mod hub;
pub mod management;
pub mod metrics;
pub mod oauth;
pub mod ops;
pub mod proxy;
pub mod salesforce;
pub mod secret;
pub mod server;
pub mod settings;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod token;
pub mod traces;
pub mod transport;
pub mod vault;
