//! The Pub/Sub API's client for Node: gRPC over TLS, with its own list of authorities.

use super::parts::{a_subscription_survives, everything_goes_on, refusals_are_shown, tenants_stay_apart};
use super::{Client, Runs};

const PUBSUB: Client =
    Client::new(Runs::Node, "pubsub_api_client/check.mjs").with(&[("ORGPASS_PUBSUB", "{ORGPASS_ADDRESS}")]);

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_the_pubsub_api_client_does_goes_on_when_the_session_dies() {
    everything_goes_on(PUBSUB, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_of_the_pubsub_api_client_stay_apart() {
    tenants_stay_apart(PUBSUB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pubsub_api_client_shows_refusals_and_ends() {
    refusals_are_shown(PUBSUB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_the_pubsub_api_client_survives_ten_dead_sessions_and_a_restart() {
    a_subscription_survives(PUBSUB).await;
}
