//! jsforce's client of the streaming API.

use super::parts::{
    a_subscription_survives, an_outage_of_the_store_is_overcome, everything_goes_on, refusals_for_good_are_shown,
    tenants_stay_apart, trouble_at_work_is_shown,
};
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

#[tokio::test(flavor = "multi_thread")]
async fn jsforces_streaming_shows_refusals_and_ends() {
    refusals_for_good_are_shown(JSFORCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_jsforce_survives_ten_dead_sessions_and_a_restart() {
    a_subscription_survives(JSFORCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jsforces_streaming_shows_trouble_that_comes_while_it_waits_and_ends() {
    trouble_at_work_is_shown(JSFORCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_jsforce_goes_on_after_an_outage_of_the_store() {
    an_outage_of_the_store_is_overcome(JSFORCE).await;
}
