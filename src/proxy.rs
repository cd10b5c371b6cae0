//! A request's path.

pub mod error;
pub mod guard;
pub mod identify;
pub mod policy;
pub mod respond;
pub mod sanitize;

mod settings;
pub use settings::{Listen, ListenError, ReplaySettings, Settings};
