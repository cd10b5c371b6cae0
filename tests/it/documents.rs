//! The documentation says what the program does.

mod configuration;
mod metrics;
