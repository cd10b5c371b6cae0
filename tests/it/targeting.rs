//! Calls that their caller sends to another host of Salesforce than the org's own.

mod data_cloud;
mod fencing;
mod own_token;

use std::time::Duration;

use salesforce_sim::{AppOptions, RecordedRequest};

use crate::caller::{Call, Caller, Reply};
use crate::world::{Options, World};

const QUERY: &str = "/api/v2/query";
const PROSPECTS: &str = "/api/v5/objects/prospects?fields=id,email";
const SESSIONS: &str = "/einstein/ai-agent/v1/agents/0Xxxx0000000001AAA/sessions";
const UNIT: &str = "0Uvxx0000000001AAA";

/// A world whose app has these scopes besides the usual ones.
async fn with_scopes(scopes: &[&str]) -> World {
    configured(scopes, false, "").await
}

/// The same with JWT-based access tokens, where wanted, and more lines in the configuration.
async fn configured(scopes: &[&str], jwt: bool, config: &str) -> World {
    let scopes = ["api", "refresh_token"].iter().chain(scopes).map(|scope| (*scope).to_owned()).collect();
    let jwt_access_tokens = jwt.then_some(Duration::from_secs(3600));
    let app = AppOptions { scopes, jwt_access_tokens, ..AppOptions::default() };
    World::with(Options { app, config: config.to_owned(), ..Options::default() }).await
}

fn query(caller: &Caller) -> Call {
    let call = caller.post(QUERY, r#"{"sql":"SELECT id__c FROM Individual__dlm"}"#);
    call.header("content-type", "application/json").header("orgpass-target", "data-cloud")
}

fn prospects(caller: &Caller) -> Call {
    let call = caller.get(PROSPECTS).header("pardot-business-unit-id", UNIT);
    call.header("orgpass-target", "account-engagement")
}

fn agent(caller: &Caller) -> Call {
    caller.post(SESSIONS, r#"{"externalSessionKey":"1"}"#).header("orgpass-target", "platform")
}

/// The requests to a host, given with its port.
fn at(world: &World, host: &str) -> Vec<RecordedRequest> {
    let requests = world.sim.requests();
    requests.into_iter().filter(|request| request.header("host") == Some(host)).collect()
}

/// The requests for Data Cloud tokens.
fn exchanges(world: &World) -> Vec<RecordedRequest> {
    let requests = world.sim.requests();
    requests.into_iter().filter(|request| request.path() == "/services/a360/token").collect()
}

fn host_of(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

/// Status, own error code, and what is said of a replay.
fn outcome(reply: &Reply) -> (u16, Option<&str>, Option<&str>) {
    (reply.status.as_u16(), reply.error(), reply.header("orgpass-replay"))
}

const GOOD: (u16, Option<&str>, Option<&str>) = (200, None, None);
const REPLAYED: (u16, Option<&str>, Option<&str>) = (200, None, Some("done"));
