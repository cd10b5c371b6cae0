//! @jsforce/jsforce-node: jsforce as Salesforce's own tools use it, over undici.

use super::parts::{everything_goes_on, refusals_are_shown, tenants_stay_apart};
use super::{Client, Runs};

const JSFORCE_NODE: Client = Client::new(Runs::NewerNode, "large/jsforce_node/check.mjs");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn everything_that_jsforce_node_does_goes_on_when_the_session_dies() {
    everything_goes_on(JSFORCE_NODE, 11).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn two_tenants_of_jsforce_node_stay_apart() {
    tenants_stay_apart(JSFORCE_NODE).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn jsforce_node_shows_refusals_and_ends() {
    refusals_are_shown(JSFORCE_NODE).await;
}
