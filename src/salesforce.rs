//! How Salesforce behaves, as pure functions and parsed types: which hosts are its own, which API families there are and
//! how each says that a session is dead, what a token endpoint's error means, what its headers say. No I/O, and nothing
//! here knows of the proxy.

pub mod api_families;
pub mod bayeux;
pub mod error_code;
pub mod hosts;
pub mod identity;
pub mod limits;
pub mod path_template;
pub mod pubsub;
pub mod scopes;
pub mod soap;
pub mod targets;
pub mod token_errors;

pub use api_families::{ApiFamily, Resource, TokenPlace, Verdict};
pub use error_code::ErrorCode;
pub use hosts::{HostError, InstanceUrl, LoginUrl, Origin, TargetUrl, TrustedHosts, is_special_address};
pub use limits::LimitInfo;
pub use scopes::Scopes;
pub use targets::Target;
pub use token_errors::TokenFailure;
