//! The documentation says what the program does.

mod access_log;
mod clients;
mod configuration;
mod figures;
mod links;
mod metrics;
mod redis_rights;
mod runbook;
mod salesforce;
