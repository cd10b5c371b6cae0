//! @salesforce/core, which the Salesforce CLI and its plugins stand on.

use super::parts::{everything_goes_on, refusals_are_shown, tenants_stay_apart};
use super::{Client, Runs};

const SALESFORCE_CORE: Client = Client::new(Runs::NewerNode, "large/salesforce_core/check.mjs");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn everything_that_salesforce_core_does_goes_on_when_the_session_dies() {
    everything_goes_on(SALESFORCE_CORE, 11).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn two_tenants_of_salesforce_core_stay_apart() {
    tenants_stay_apart(SALESFORCE_CORE).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn salesforce_core_shows_refusals_and_ends() {
    refusals_are_shown(SALESFORCE_CORE).await;
}
