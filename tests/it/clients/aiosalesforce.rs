//! aiosalesforce, which insists on Salesforce's own host names and is led here by its transport.

use super::parts::{everything_goes_on, refusals_are_shown, tenants_stay_apart};
use super::{Client, Runs};

const AIOSALESFORCE: Client = Client::new(Runs::Python, "aiosalesforce/check.py");

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_aiosalesforce_does_goes_on_when_the_session_dies() {
    everything_goes_on(AIOSALESFORCE, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_of_aiosalesforce_stay_apart() {
    tenants_stay_apart(AIOSALESFORCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aiosalesforce_shows_refusals_and_ends() {
    refusals_are_shown(AIOSALESFORCE).await;
}
