//! aiosfstream-ng: the streaming API in Python, by a client that keeps no cookies for an address.

use super::parts::{everything_goes_on, refusals_are_shown, tenants_stay_apart};
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
