//! Heroku AppLink's SDK for Node.

use super::heroku_applink::ENVIRONMENT;
use super::parts::{everything_goes_on, refusals_are_shown_as, tenants_stay_apart};
use super::{Client, Runs};

const APPLINK: Client = Client::new(Runs::NewerNode, "heroku_applink_node/check.mjs").with(ENVIRONMENT);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn everything_that_heroku_applink_for_node_does_goes_on_when_the_session_dies() {
    everything_goes_on(APPLINK, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn two_tenants_of_heroku_applink_for_node_stay_apart() {
    tenants_stay_apart(APPLINK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn heroku_applink_for_node_shows_refusals_and_ends() {
    // The SDK keeps to itself why it was given no authorization.
    refusals_are_shown_as(APPLINK, &[("nobody", "403"), ("cold", "503")]).await;
}
