//! What an operator can do, against a store in a temporary folder and an org that plays its part.

mod asking;
mod documents;
mod importing;

use std::sync::Arc;

use super::fixture::{self, Fixture, ring};
use super::*;
use crate::connection::Cause;
use crate::vault::Vault;

const ACCESS: &str = "00Dxx0000001gPL!AQcExampleS3CRET";

fn key(tenant: &str) -> ConnectionKey {
    ConnectionKey::parse(tenant, None).unwrap()
}

/// A document of one tenant with these keys too.
fn document(tenant: &str, rest: &str) -> ImportDocument {
    let comma = if rest.is_empty() { "" } else { "," };
    ImportDocument::parse(format!("{{\"tenant\":\"{tenant}\"{comma}{rest}}}").as_bytes()).unwrap()
}

fn with_refresh_token(tenant: &str, token: &str) -> ImportDocument {
    document(tenant, &format!("\"refresh_token\":\"{token}\",\"instance_url\":\"https://{tenant}.my.salesforce.com\""))
}

async fn set_cause(world: &Fixture, cause: Cause) {
    let read = world.store.read(&key("acme")).await.unwrap().unwrap().head.generation;
    assert!(world.store.set_status(&key("acme"), read, cause.status(), Some(cause)).await.unwrap());
}
