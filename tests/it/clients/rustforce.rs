//! rustforce, the client for Rust.

use super::parts::{everything_goes_on, refusals_are_shown, tenants_stay_apart};
use super::{Client, Runs};

const RUSTFORCE: Client = Client::new(Runs::Program, "rustforce/debug/orgpass-test-rustforce");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn everything_that_rustforce_does_goes_on_when_the_session_dies() {
    everything_goes_on(RUSTFORCE, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn two_tenants_of_rustforce_stay_apart() {
    tenants_stay_apart(RUSTFORCE).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: scripts/clients --all"]
async fn rustforce_shows_refusals_and_ends() {
    refusals_are_shown(RUSTFORCE).await;
}
