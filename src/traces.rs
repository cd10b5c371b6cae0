//! Traces: which calls are part of one, and how their spans get to a collector. A caller's W3C Trace Context is taken up
//! and goes on to Salesforce; finished spans wait in a bounded queue for a task of the engine's runtime that exports them
//! by OTLP, so that a collector that is slow or down costs calls nothing. Exchanges are in traces of their own, see
//! [`SharedWork`].
//!
//! No token, query, path as it came, header or body is in a span: only what a line of the access log may say.

pub mod context;
#[cfg(feature = "otlp")]
mod exporter;
mod headers_file;
#[cfg(feature = "otlp")]
mod otlp;
mod settings;
mod shared;
pub mod span;
mod tracer;

#[cfg(feature = "otlp")]
pub use exporter::Exporter;
pub use settings::Settings;
pub use shared::{SharedWork, Wait};
pub use tracer::{Joined, Spans, Tracer};

/// Whether this program can export: the feature `otlp` brings what that takes.
pub const ARE_BUILT_IN: bool = cfg!(feature = "otlp");
