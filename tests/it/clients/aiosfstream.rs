//! aiosfstream-ng: the streaming API in Python, by a client that keeps no cookies for an address.

use super::parts::{
    a_subscription_survives, an_outage_of_the_store_is_overcome, everything_goes_on, refusals_are_shown,
    tenants_stay_apart, trouble_at_work_is_shown,
};
use super::{Client, Runs};

const AIOSFSTREAM: Client = Client::new(Runs::Python, "aiosfstream/check.py");

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_aiosfstream_loses_no_event_when_sessions_die() {
    everything_goes_on(AIOSFSTREAM, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_of_aiosfstream_stay_apart() {
    tenants_stay_apart(AIOSFSTREAM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aiosfstream_shows_refusals_and_ends() {
    refusals_are_shown(AIOSFSTREAM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_aiosfstream_survives_ten_dead_sessions_and_a_restart() {
    a_subscription_survives(AIOSFSTREAM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aiosfstream_shows_trouble_that_comes_while_it_waits_and_ends() {
    trouble_at_work_is_shown(AIOSFSTREAM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_aiosfstream_goes_on_after_an_outage_of_the_store() {
    an_outage_of_the_store_is_overcome(AIOSFSTREAM).await;
}
