//! Calls that their caller sends to another host of Salesforce than the org's own, by the header `Orgpass-Target`. Nothing
//! about a call but that header makes it go there.

mod aim;
mod away;

use http::{HeaderName, HeaderValue};

use super::error::{ProxyError, TagFault};
use super::policy::{self, JudgedPath};
use crate::salesforce::{Resource, Target};

pub use aim::{aim, check};
pub use away::{Away, Targets};

/// Names the target. Like every header of Orgpass it ends here.
pub const TARGET: HeaderName = HeaderName::from_static("orgpass-target");

/// Notes the target that a header names which is no other tag.
pub fn note(name: &HeaderName, value: &HeaderValue, target: &mut Option<Target>) -> Result<(), TagFault> {
    if *name != TARGET {
        return Err(TagFault::NotATag(name.clone()));
    }
    let named = Target::parse(value.as_bytes()).filter(|_| target.is_none());
    *target = Some(named.ok_or_else(|| TagFault::Target(name.clone()))?);
    Ok(())
}

/// Judges a request's raw path by what its target relays, or else the org.
pub fn judge(target: Option<Target>, path: &str) -> Result<(JudgedPath<'_>, Resource), ProxyError> {
    match target {
        None => policy::judge(path),
        Some(target) => policy::judge_at(target, path),
    }
}
