//! salesforce-bulk, which sends its credential in `X-SFDC-Session` alone.

use super::parts::{everything_goes_on, refusals_are_shown, tenants_stay_apart};
use super::{Client, Runs};

const SALESFORCE_BULK: Client = Client::new(Runs::Python, "salesforce_bulk/check.py");

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_salesforce_bulk_does_goes_on_when_the_session_dies() {
    everything_goes_on(SALESFORCE_BULK, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_of_salesforce_bulk_stay_apart() {
    tenants_stay_apart(SALESFORCE_BULK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn salesforce_bulk_shows_refusals_and_ends() {
    refusals_are_shown(SALESFORCE_BULK).await;
}
