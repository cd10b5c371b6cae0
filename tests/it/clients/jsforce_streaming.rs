//! jsforce's client of the streaming API.

use super::parts::{everything_goes_on, tenants_stay_apart};
use super::{Client, Runs};

const JSFORCE: Client = Client::new(Runs::Node, "jsforce_streaming/check.mjs");

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_jsforce_loses_no_event_when_sessions_die() {
    everything_goes_on(JSFORCE, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_of_jsforces_streaming_stay_apart() {
    tenants_stay_apart(JSFORCE).await;
}
