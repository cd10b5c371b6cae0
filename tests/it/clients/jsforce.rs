//! jsforce, the library that most of the others for Node stand on.

use super::parts::{everything_goes_on, refusals_are_shown, tenants_stay_apart};
use super::{Client, Runs};

const JSFORCE: Client = Client::new(Runs::Node, "jsforce/check.mjs");

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_jsforce_does_goes_on_when_the_session_dies() {
    everything_goes_on(JSFORCE, 11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_of_jsforce_stay_apart() {
    tenants_stay_apart(JSFORCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jsforce_shows_refusals_and_ends() {
    refusals_are_shown(JSFORCE).await;
}
