//! simple-salesforce, which speaks TLS whatever it is told; over plain HTTP it needs a transport.

use super::parts::{everything_goes_on, refusals_are_shown, tenants_stay_apart};
use super::{Client, Runs};

const WITHOUT_TLS: Client = Client::new(Runs::Python, "simple_salesforce/check_without_tls.py");

const SIMPLE_SALESFORCE: Client =
    Client::new(Runs::Python, "simple_salesforce/check.py").over_tls("REQUESTS_CA_BUNDLE");

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_simple_salesforce_does_goes_on_when_the_session_dies() {
    everything_goes_on(SIMPLE_SALESFORCE, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_of_simple_salesforce_stay_apart() {
    tenants_stay_apart(SIMPLE_SALESFORCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_salesforce_shows_refusals_and_ends() {
    refusals_are_shown(SIMPLE_SALESFORCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_simple_salesforce_does_over_plain_http_goes_on_when_the_session_dies() {
    everything_goes_on(WITHOUT_TLS, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_of_simple_salesforce_stay_apart_over_plain_http() {
    tenants_stay_apart(WITHOUT_TLS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_salesforce_shows_refusals_over_plain_http_and_ends() {
    refusals_are_shown(WITHOUT_TLS).await;
}
